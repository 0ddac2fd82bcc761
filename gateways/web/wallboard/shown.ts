/** What a board holds, in the order in which it is shown. */

import { useMemo } from 'react';
import { type Board, valueAt, valuesOf } from '../shared/stream/board';
import type {
  AccountValue,
  AgentValue,
  CallerValue,
  GaugesValue,
  QueueValue,
} from '../shared/stream/frames';
import { useStable } from '../shared/useStable';

export interface Shown {
  account: AccountValue | undefined;
  gauges: GaugesValue | undefined;
  queues: readonly QueueValue[];
  agents: readonly AgentValue[];
  callers: readonly CallerValue[];
}

export function useShown(board: Board): Shown {
  const queues = useStable(valuesOf(board, 'queue'));
  const agents = useStable(valuesOf(board, 'agent'));
  const callers = useStable(valuesOf(board, 'caller'));
  return {
    account: valueAt(board, 'account'),
    gauges: valueAt(board, 'gauges'),
    queues: useMemo(() => sorted(queues, ({ name, id }) => [name, id]), [queues]),
    agents: useMemo(() => sorted(agents, (one) => [nameOf(one), one.id]), [agents]),
    callers,
  };
}

export function nameOf(agent: AgentValue): string {
  return agent.name || agent.username;
}

/** First of all who has the higher priority, then who came first. */
export function inLine(callers: readonly CallerValue[], queueId: string): CallerValue[] {
  return callers
    .filter((caller) => caller.queueId === queueId)
    .sort((one, other) => other.priority - one.priority || one.since - other.since);
}

const ORDER = new Intl.Collator('en', { numeric: true });

function sorted<T>(list: readonly T[], key: (one: T) => [string, string]): T[] {
  return list
    .map((one) => ({ one, key: key(one) }))
    .sort(({ key: [a, b] }, { key: [c, d] }) => ORDER.compare(a, c) || (b < d ? -1 : b > d ? 1 : 0))
    .map(({ one }) => one);
}
