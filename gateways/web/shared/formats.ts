/** Numbers and times as people read them on a wall. */

/** `0:07`, `12:34`, `1:02:03`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const tail = `${String(s).padStart(2, '0')}`;
  return h ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

export function counted(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const PLAIN = new Intl.NumberFormat('en');

export function number(value: number): string {
  return PLAIN.format(value);
}

export function percent(value: number): string {
  return `${value} %`;
}

/** The time of day in a zone; in the screen's own where the zone is not known. */
export function timeOfDay(at: number, zone: string | undefined, withSeconds = false): string {
  const options: Intl.DateTimeFormatOptions = {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(withSeconds ? { second: '2-digit' } : {}),
  };
  try {
    return new Intl.DateTimeFormat('en', { ...options, timeZone: zone }).format(at);
  } catch {
    return new Intl.DateTimeFormat('en', options).format(at);
  }
}
