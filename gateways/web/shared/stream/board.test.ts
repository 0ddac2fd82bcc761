import { describe, expect, it } from 'vitest';
import { type Board, EMPTY, fold, GAP, placeOf, valuesOf } from './board';
import type { AgentValue, Delta, Frame, Snapshot } from './frames';

function agent(id: string, bucket: AgentValue['bucket'] = 'ready'): AgentValue {
  return {
    id,
    username: id,
    name: null,
    bucket,
    since: 0,
    reason: null,
    pending: null,
    wrapUpUntil: null,
    callId: null,
    queueId: null,
    queues: [],
    answered: 0,
    missed: 0,
  };
}

const ALICE = agent('alice');
const BOB = agent('bob');

function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  const keys = { 'agent:alice': ALICE, 'agent:bob': BOB };
  return { type: 'snapshot', epoch: 'e1', seq: 7, at: 70, position: 1, live: true, keys, ...more };
}

function delta(from: number, keys: Delta['keys'], more: Partial<Delta> = {}): Delta {
  return {
    type: 'delta',
    from,
    epoch: 'e1',
    seq: from + 1,
    at: 80,
    position: 2,
    live: true,
    keys,
    ...more,
  };
}

function folded(...frames: Frame[]): Board {
  return frames.reduce((board, frame) => {
    const next = fold(board, frame);
    if (next === GAP) {
      throw new Error('a gap');
    }
    return next;
  }, EMPTY);
}

describe('a board', () => {
  it('is what a snapshot says', () => {
    const board = folded(snapshot());
    expect(valuesOf(board, 'agent')).toEqual([ALICE, BOB]);
    expect(placeOf(board)).toBe('e1:7');
  });

  it('has no place before the first frame', () => {
    expect(placeOf(EMPTY)).toBeUndefined();
  });

  it('takes whole values, and leaves the others as they are', () => {
    const busy = agent('alice', 'incall');
    const board = folded(snapshot(), delta(7, { 'agent:alice': busy }));
    expect(board.keys.get('agent:alice')).toBe(busy);
    expect(board.keys.get('agent:bob')).toBe(BOB);
    expect(placeOf(board)).toBe('e1:8');
  });

  it('loses a key whose value is null', () => {
    expect(valuesOf(folded(snapshot(), delta(7, { 'agent:alice': null })), 'agent')).toEqual([BOB]);
  });

  it('keeps its values when a delta only says that the service is there', () => {
    const before = folded(snapshot());
    const after = fold(before, delta(7, {}, { seq: 7, live: false }));
    expect(after).toMatchObject({ seq: 7, isLive: false });
    expect((after as Board).keys).toBe(before.keys);
  });

  it('takes several changes at once', () => {
    const board = folded(snapshot(), delta(7, { 'agent:carol': agent('carol') }, { seq: 40 }));
    expect(placeOf(board)).toBe('e1:40');
  });

  it.each([
    ['a change is missing', delta(8, {})],
    ['a change comes twice', delta(6, {})],
    ['it is of another epoch', delta(7, {}, { epoch: 'e2' })],
  ])('says that there is a gap when %s', (_, frame) => {
    expect(fold(folded(snapshot()), frame)).toBe(GAP);
  });

  it('begins anew with a snapshot of another epoch', () => {
    const board = folded(snapshot(), snapshot({ epoch: 'e2', seq: 1, keys: {} }));
    expect(placeOf(board)).toBe('e2:1');
    expect(board.keys.size).toBe(0);
  });

  it('is after any changes what a snapshot of the end says', () => {
    const end = { 'agent:bob': agent('bob', 'paused'), 'agent:carol': agent('carol') };
    const changes: Delta['keys'] = { ...end, 'agent:alice': null };
    const board = folded(snapshot(), delta(7, changes));
    expect(board.keys).toEqual(folded(snapshot({ seq: 8, keys: end })).keys);
  });
});
