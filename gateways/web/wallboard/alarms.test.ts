import { describe, expect, it } from 'vitest';
import { duration } from '../shared/formats';
import type { Bucket, Finding, QueueValue } from '../shared/stream/frames';
import { alarmOf, isRed, reasonOf } from './alarms';
import { BUCKETS } from './buckets';
import { summary } from './summary';

const NOBODY = Object.fromEntries(BUCKETS.map((bucket) => [bucket, 0])) as Record<Bucket, number>;

function queue(oldestSince: number | null, offered = 0, serviceLevelPct = 0): QueueValue {
  return {
    id: 'q',
    name: 'Support',
    waiting: oldestSince === null ? 0 : 1,
    oldestSince,
    ready: 0,
    busy: 0,
    agents: NOBODY,
    ewtSec: 0,
    slThresholdSec: 20,
    slTargetPct: 80,
    alarmWaitSec: 120,
    alarmSlPct: 60,
    kpis: {
      offered,
      waiting: 0,
      answered: 0,
      abandoned: 0,
      abandonRatePct: 0,
      asaMs: 0,
      serviceLevelPct,
      ahtMs: 0,
    },
  };
}

describe('a queue', () => {
  it('is calm when nobody waits and nothing was offered', () => {
    expect(isRed(alarmOf(queue(null), 0))).toBe(false);
  });

  it('turns red when somebody waits longer than its threshold, not before', () => {
    expect(alarmOf(queue(0), 120_000)).toEqual({ wait: false, level: false });
    expect(alarmOf(queue(0), 120_001)).toEqual({ wait: true, level: false });
  });

  it('turns red when its service level is under its threshold', () => {
    expect(alarmOf(queue(null, 10, 60), 0).level).toBe(false);
    expect(alarmOf(queue(null, 10, 59), 0).level).toBe(true);
  });

  it('says why', () => {
    expect(reasonOf({ wait: true, level: true }, queue(0, 1))).toBe(
      'Longest wait over 2:00, service level under 60 %',
    );
  });
});

describe('the summary of why nobody rings', () => {
  const found = (...reasons: Finding['reason'][]): Finding[] =>
    reasons.map((reason, at) => ({
      agentId: `us_${at}`,
      reason,
      level: 1,
      until: null,
      detail: null,
    }));

  it.each([
    ['No agent belongs to this queue.', found()],
    ['Nobody is logged in to this queue.', found('offline', 'not_joined')],
    ['1 phone rings for this caller now.', found('rings', 'offline')],
    [
      'Of 3 agents: 1 busy, 1 on break, 1 not reachable.',
      found('wrap_up', 'on_break', 'unreachable'),
    ],
  ])('is: %s', (said, findings) => {
    expect(summary(findings)).toBe(said);
  });
});

describe('a duration', () => {
  it.each([
    [0, '0:00'],
    [-5, '0:00'],
    [61_999, '1:01'],
    [3_723_000, '1:02:03'],
  ])('of %i ms is %s', (milliseconds, shown) => {
    expect(duration(milliseconds)).toBe(shown);
  });
});
