/** Icons, drawn on a grid of 24 by 24. They only go with a text, so nobody has to hear of them. */

const PATHS = {
  check: 'M4.5 12.5l5 5 10-11',
  moon: 'M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z',
  bell: 'M6 16V11a6 6 0 1 1 12 0v5l1.5 2h-15zM10 21h4',
  phone:
    'M5 4h4l1.8 4.6-2.3 1.6a11 11 0 0 0 5.3 5.3l1.6-2.3L20 15v4a1.5 1.5 0 0 1-1.6 1.5A15 15 0 0 1 3.5 5.6 1.5 1.5 0 0 1 5 4z',
  phoneOut:
    'M5 4h4l1.8 4.6-2.3 1.6a11 11 0 0 0 5.3 5.3l1.6-2.3L20 15v4a1.5 1.5 0 0 1-1.6 1.5A15 15 0 0 1 3.5 5.6 1.5 1.5 0 0 1 5 4zM14 10l6.5-6.5M15.5 3.5h5v5',
  pencil: 'M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5l3.5 3.5',
  pause: 'M8 5v14M16 5v14',
  unplugged:
    'M3 3l18 18M5 12.5a10 10 0 0 1 4-2.6M15 9.9a10 10 0 0 1 4 2.6M8.5 16a5 5 0 0 1 5.2-1.2M12 19.5h.01',
  off: 'M12 3.5v8M7 6.3a8 8 0 1 0 10 0',
  hourglass:
    'M6.5 3.5h11M6.5 20.5h11M7.5 3.5v3.7L12 12l4.5-4.8V3.5M7.5 20.5v-3.7L12 12l4.5 4.8v3.7',
  alarm: 'M12 4L2.8 20h18.4zM12 10v4.5M12 17.3h.01',
  sound: 'M4 9.5h4L13 5v14l-5-4.5H4zM16.5 9a4.2 4.2 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11',
  mute: 'M4 9.5h4L13 5v14l-5-4.5H4zM17 9.5l5 5M22 9.5l-5 5',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  screen: 'M3 5h18v11H3zM8.5 20h7M12 16v4',
  leave: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9.5',
  search: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.3 15.3L20.5 20.5',
  person: 'M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20.5c.8-3.8 3.7-6 7.5-6s6.7 2.2 7.5 6',
  people:
    'M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM2.5 19.5c.7-3.3 3.2-5 6.5-5s5.8 1.7 6.5 5M15.5 5.3a3.5 3.5 0 0 1 0 6.4M18 14.9c2 .7 3.2 2.3 3.6 4.6',
  question:
    'M9 9a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2.1M12 17.3h.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z',
  link: 'M12 3v6M12 15v6M7 7.5a6.5 6.5 0 0 0 0 9M17 7.5a6.5 6.5 0 0 1 0 9M12 12h.01',
  key: 'M8 11a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM11 12.2l8.5-8.7M16 7l3 3M14 9l2 2',
  callback: 'M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3',
  play: 'M8 5l11 7-11 7z',
  close: 'M6 6l12 12M18 6L6 18',
  gauge: 'M4 17a9 9 0 1 1 16 0M12 15l4-5',
  clock: 'M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM12 7.5V12l3 2',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = '1.15em' }: { name: IconName; size?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
