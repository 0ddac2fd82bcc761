import type { IconName } from '../shared/icons';
import type { Bucket } from '../shared/stream/frames';

interface Look {
  label: string;
  icon: IconName;
}

/** In the order in which a supervisor looks: who can help, who is helping, who cannot. */
export const LOOKS: Record<Bucket, Look> = {
  ready: { label: 'Ready', icon: 'check' },
  ring: { label: 'Ringing', icon: 'bell' },
  incall: { label: 'In call', icon: 'phone' },
  wrapup: { label: 'Wrap-up', icon: 'pencil' },
  extcall: { label: 'Other call', icon: 'phoneOut' },
  paused: { label: 'Break', icon: 'pause' },
  idle: { label: 'Idle', icon: 'hourglass' },
  unreachable: { label: 'Unreachable', icon: 'unplugged' },
  offline: { label: 'Offline', icon: 'off' },
};

export const BUCKETS = Object.keys(LOOKS) as Bucket[];

export function colourOf(bucket: Bucket): string {
  return `var(--cp-${bucket})`;
}
