import { useEffect } from 'react';
import { counted } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { QueueValue } from '../shared/stream/frames';
import css from './AlarmBanner.module.css';

interface Props {
  queues: readonly QueueValue[];
  red: ReadonlySet<string>;
  isTv: boolean;
}

/** Which queues are red: in a line of its own, in the page's title, and aloud when it changes. */
export function AlarmBanner({ queues, red, isTv }: Props) {
  const names = queues.filter(({ id }) => red.has(id)).map(({ name }) => name);
  useEffect(() => {
    const plain = document.title.replace(/^\(\d+\) /, '');
    document.title = names.length ? `(${names.length}) ${plain}` : plain;
  }, [names.length]);
  return (
    <div role="status" className={css.place} hidden={isTv && names.length === 0}>
      {names.length > 0 && (
        <div className={css.banner}>
          <Icon name="alarm" size="1.25em" />
          <span>
            <strong>
              {counted(names.length, 'queue')} {names.length === 1 ? 'needs' : 'need'} attention
            </strong>{' '}
            {names.join(', ')}
          </span>
        </div>
      )}
    </div>
  );
}
