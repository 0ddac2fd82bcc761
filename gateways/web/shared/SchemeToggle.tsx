import { ActionIcon, Tooltip, useMantineColorScheme } from '@mantine/core';
import { Icon, type IconName } from './icons';

const NEXT = { auto: 'light', light: 'dark', dark: 'auto' } as const;
const SHOWN: Record<keyof typeof NEXT, { icon: IconName; text: string }> = {
  auto: { icon: 'auto', text: 'Colours: as the system' },
  light: { icon: 'sun', text: 'Colours: light' },
  dark: { icon: 'moon', text: 'Colours: dark' },
};

export function SchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { icon, text } = SHOWN[colorScheme];
  return (
    <Tooltip label={text}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={text}
        onClick={() => setColorScheme(NEXT[colorScheme])}
      >
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
}
