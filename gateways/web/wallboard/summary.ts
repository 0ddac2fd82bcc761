import { counted } from '../shared/formats';
import type { Finding, Reason } from '../shared/stream/frames';

/** One sentence for all of them. */
export function summary(findings: readonly Finding[]): string {
  const count = (...reasons: Reason[]) =>
    findings.filter(({ reason }) => reasons.includes(reason)).length;
  const ringing = count('rings');
  if (findings.length === 0) {
    return 'No agent belongs to this queue.';
  }
  if (ringing) {
    return `${counted(ringing, 'phone')} ${ringing === 1 ? 'rings' : 'ring'} for this caller now.`;
  }
  const away = count('offline', 'not_joined', 'not_an_agent');
  if (away === findings.length) {
    return 'Nobody is logged in to this queue.';
  }
  const busy = count('in_call', 'wrap_up', 'external_call', 'rings_for_another');
  const said = [
    [busy, 'busy'],
    [count('on_break', 'leaving'), 'on break'],
    [count('unreachable'), 'not reachable'],
    [away, 'not logged in'],
    [count('free'), 'free'],
  ] as const;
  const parts = said.filter(([many]) => many > 0).map(([many, what]) => `${many} ${what}`);
  return `Of ${counted(findings.length, 'agent')}: ${parts.join(', ')}.`;
}
