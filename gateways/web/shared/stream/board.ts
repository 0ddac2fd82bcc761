/**
 * A screen's state, folded from frames. Pure: a frame and a state in, the next state out.
 *
 * A delta only counts on the screen it was made for: another epoch, or a number that is not ours,
 * is a gap, and the caller has to fetch all values anew. Values that a frame does not name keep
 * their identity, so whoever draws them sees at once that they are the same.
 */

import type { Frame, Millis, Value, Values } from './frames';

export interface Board {
  readonly epoch: string;
  readonly seq: number;
  readonly at: Millis;
  readonly isLive: boolean;
  readonly keys: ReadonlyMap<string, Value>;
}

export const EMPTY: Board = { epoch: '', seq: 0, at: 0, isLive: false, keys: new Map() };

export const GAP = Symbol('gap');

export function fold(board: Board, frame: Frame): Board | typeof GAP {
  if (frame.type === 'snapshot') {
    return stamped(frame, new Map(Object.entries(frame.keys)));
  }
  if (frame.epoch !== board.epoch || frame.from !== board.seq) {
    return GAP;
  }
  return stamped(frame, replaced(board.keys, frame.keys));
}

/** `<epoch>:<seq>`, to go on from; none before the first frame. */
export function placeOf(board: Board): string | undefined {
  return board.epoch ? `${board.epoch}:${board.seq}` : undefined;
}

export function valueAt<K extends 'account' | 'gauges'>(
  board: Board,
  key: K,
): Values[K] | undefined {
  return board.keys.get(key) as Values[K] | undefined;
}

export function valuesOf<K extends 'queue' | 'agent' | 'caller'>(
  board: Board,
  kind: K,
): Values[K][] {
  const found: Values[K][] = [];
  for (const [key, value] of board.keys) {
    if (key.startsWith(`${kind}:`)) {
      found.push(value as Values[K]);
    }
  }
  return found;
}

function stamped(frame: Frame, keys: ReadonlyMap<string, Value>): Board {
  return { epoch: frame.epoch, seq: frame.seq, at: frame.at, isLive: frame.live, keys };
}

function replaced(
  keys: ReadonlyMap<string, Value>,
  changes: Record<string, Value | null>,
): ReadonlyMap<string, Value> {
  const changed = Object.entries(changes);
  if (changed.length === 0) {
    return keys;
  }
  const next = new Map(keys);
  for (const [key, value] of changed) {
    if (value === null) {
      next.delete(key);
    } else {
      next.set(key, value);
    }
  }
  return next;
}
