/**
 * What passed on the bus, newest first, as far as it is kept. Pure: a list and a frame in, the next
 * list out. What was dropped on the way has a line of its own where it is missing.
 */

export type Kind = 'command' | 'reply' | 'event' | 'edge';

export const KINDS: readonly Kind[] = ['command', 'reply', 'event', 'edge'];

/** As `gateways/realtime/tap.py` sends it. */
export interface Entry {
  kind: Kind;
  name: string;
  accountId: string | null;
  callId: string | null;
  at: number;
  ms?: number;
  position?: number | null;
  node?: string;
  body?: unknown;
}

export interface EntriesFrame {
  type: 'entries';
  /** How many were dropped before these. */
  dropped: number;
  entries: Entry[];
}

export type Line = { id: number; entry: Entry } | { id: number; dropped: number };

/** Lines; older ones are forgotten. */
export const KEPT = 500;

export interface Log {
  readonly lines: readonly Line[];
  readonly next: number;
  readonly seen: number;
  readonly dropped: number;
}

export const NOTHING: Log = { lines: [], next: 1, seen: 0, dropped: 0 };

export function taken(log: Log, frame: EntriesFrame): Log {
  if (frame.entries.length === 0 && frame.dropped === 0) {
    return log;
  }
  let next = log.next;
  const fresh: Line[] = [];
  if (frame.dropped > 0) {
    fresh.push({ id: next++, dropped: frame.dropped });
  }
  for (const entry of frame.entries) {
    fresh.push({ id: next++, entry });
  }
  return {
    lines: [...fresh.reverse(), ...log.lines].slice(0, KEPT),
    next,
    seen: log.seen + frame.entries.length,
    dropped: log.dropped + frame.dropped,
  };
}
