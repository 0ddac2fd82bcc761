/** What a board holds, in the order in which it is shown. */

import { useMemo, useRef } from 'react';
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
    queues: useByName(queues, nameOfQueue),
    agents: useByName(agents, nameOf),
    callers,
  };
}

export function nameOf(agent: AgentValue): string {
  return agent.name || agent.username;
}

function nameOfQueue({ name }: QueueValue): string {
  return name;
}

/** First of all who has the higher priority, then who came first. */
export function inLine(callers: readonly CallerValue[], queueId: string): CallerValue[] {
  return callers
    .filter((caller) => caller.queueId === queueId)
    .sort((one, other) => other.priority - one.priority || one.since - other.since);
}

const ORDER = new Intl.Collator('en', { numeric: true });

/**
 * By name, then by id. Names seldom change and comparing them is dear, so as long as they are those
 * from before the order is, too, and only the values are put in their places.
 */
function useByName<T extends { id: string }>(list: readonly T[], name: (one: T) => string): T[] {
  const kept = useRef<T[]>([]);
  return useMemo(() => {
    const found = new Map(list.map((one) => [one.id, one]));
    const same = kept.current.map((before) => {
      const now = found.get(before.id);
      return now && name(now) === name(before) ? now : undefined;
    });
    const isSame = same.length === list.length && !same.includes(undefined);
    kept.current = isSame ? (same as T[]) : sorted(list, name);
    return kept.current;
  }, [list, name]);
}

function sorted<T extends { id: string }>(list: readonly T[], name: (one: T) => string): T[] {
  return [...list].sort(
    (one, other) => ORDER.compare(name(one), name(other)) || ORDER.compare(one.id, other.id),
  );
}
