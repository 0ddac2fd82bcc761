import { describe, expect, it } from 'vitest';
import { type Entry, KEPT, NOTHING, taken } from './entries';

function entry(name: string): Entry {
  return { kind: 'event', name, accountId: null, callId: null, at: 0 };
}

describe('what passed', () => {
  it('stands newest first, with a line where something was dropped', () => {
    const first = taken(NOTHING, {
      type: 'entries',
      dropped: 0,
      entries: [entry('a'), entry('b')],
    });
    const log = taken(first, { type: 'entries', dropped: 7, entries: [entry('c')] });
    expect(log.lines.map((line) => ('entry' in line ? line.entry.name : line.dropped))).toEqual([
      'c',
      7,
      'b',
      'a',
    ]);
    expect([log.seen, log.dropped]).toEqual([3, 7]);
    expect(new Set(log.lines.map(({ id }) => id)).size).toBe(4);
  });

  it('is the same when nothing came', () => {
    expect(taken(NOTHING, { type: 'entries', dropped: 0, entries: [] })).toBe(NOTHING);
  });

  it('is forgotten in the end', () => {
    const entries = Array.from({ length: KEPT + 10 }, (_, at) => entry(String(at)));
    const log = taken(NOTHING, { type: 'entries', dropped: 0, entries });
    expect(log.lines).toHaveLength(KEPT);
    expect(log.lines[0]).toMatchObject({ entry: { name: String(KEPT + 9) } });
    expect(log.seen).toBe(KEPT + 10);
  });
});
