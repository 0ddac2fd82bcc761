import { memo, useMemo } from 'react';
import type { CallerValue, QueueValue } from '../shared/stream/frames';
import type { Looked } from './CallerDrawer';
import { Paged } from './Paged';
import css from './Queues.module.css';
import { QueueTile } from './QueueTile';
import { Empty, Section } from './Section';
import { inLine } from './shown';

interface Props {
  queues: readonly QueueValue[];
  callers: readonly CallerValue[];
  red: ReadonlySet<string>;
  isTv: boolean;
  onLook: (looked: Looked) => void;
}

export const Queues = memo(function Queues({ queues, callers, red, isTv, onLook }: Props) {
  const lines = useMemo(
    () => new Map(queues.map(({ id }) => [id, inLine(callers, id)])),
    [queues, callers],
  );
  // on a wall what is red comes first, so that no turning of pages hides it
  const order = isTv
    ? [...queues].sort((one, other) => Number(red.has(other.id)) - Number(red.has(one.id)))
    : queues;
  const tiles = order.map((queue) => (
    <QueueTile
      key={queue.id}
      queue={queue}
      line={lines.get(queue.id) ?? []}
      isTv={isTv}
      onLook={onLook}
    />
  ));
  return (
    <Section name="Queues" count={queues.length} isTv={isTv} share={share(queues.length)}>
      {queues.length === 0 ? (
        <Empty icon="people" title="No queues yet">
          A queue that is made, by the API or with <code>callplane apply</code>, shows here at once.
        </Empty>
      ) : isTv ? (
        <Paged items={tiles} width={19} height={14.7} />
      ) : (
        <ul className={css.queues}>{tiles}</ul>
      )}
    </Section>
  );
});

/** How much of a wall the queues want: rows of four, two of them at most. */
function share(count: number): number {
  return 15.4 * Math.min(2, Math.ceil(count / 4)) + 2;
}
