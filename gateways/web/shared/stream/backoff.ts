/** How long to wait before another try: twice as long each time, and no two screens alike. */

const FIRST = 500;
const LONGEST = 15_000;

/** Milliseconds before try number `tries` (the first is 0); `random` is in [0, 1). */
export function pause(tries: number, random: number): number {
  const whole = Math.min(LONGEST, FIRST * 2 ** Math.min(tries, 10));
  return whole / 2 + (whole / 2) * random;
}
