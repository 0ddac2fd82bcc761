/** When a queue is red: somebody waits too long, or too few were answered in time. */

import { duration } from '../shared/formats';
import type { Millis, QueueValue } from '../shared/stream/frames';

export interface Alarm {
  wait: boolean;
  level: boolean;
}

export const CALM: Alarm = { wait: false, level: false };

export function alarmOf(queue: QueueValue, now: Millis): Alarm {
  return {
    wait: queue.oldestSince !== null && now - queue.oldestSince > queue.alarmWaitSec * 1000,
    // of nothing offered no share was missed
    level: queue.kpis.offered > 0 && queue.kpis.serviceLevelPct < queue.alarmSlPct,
  };
}

export function isRed({ wait, level }: Alarm): boolean {
  return wait || level;
}

/** Why, as a sentence without its end. */
export function reasonOf(alarm: Alarm, queue: QueueValue, isShort = false): string {
  const wait = `${isShort ? 'wait' : 'longest wait'} over ${duration(queue.alarmWaitSec * 1000)}`;
  const level = `${isShort ? 'SL' : 'service level'} under ${queue.alarmSlPct} %`;
  const said = [...(alarm.wait ? [wait] : []), ...(alarm.level ? [level] : [])].join(', ');
  return said.charAt(0).toUpperCase() + said.slice(1);
}
