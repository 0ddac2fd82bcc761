import { Button, Skeleton } from '@mantine/core';
import { Icon } from '../shared/icons';
import type { LinkState } from '../shared/stream/link';
import css from './Waiting.module.css';

/** Before the first values have come. */
export function Waiting({ link, onLeave }: { link: LinkState; onLeave: () => void }) {
  return (
    <main className={css.page} aria-busy="true">
      <h1 className="cp-unseen">Wallboard</h1>
      {link.name === 'waiting' ? (
        <div className={css.problem} role="alert">
          <Icon name="unplugged" size="2rem" />
          <div>
            <strong>{link.why}</strong>
            <p>It is tried again in a moment, for as long as this page is open.</p>
          </div>
          <Button variant="default" onClick={onLeave}>
            Another key
          </Button>
        </div>
      ) : (
        <p className="cp-unseen" role="status">
          Loading the wallboard
        </p>
      )}
      <div className={css.gauges}>
        {Array.from({ length: 6 }, (_, at) => (
          <Skeleton key={at} height="7.5rem" radius="lg" animate={link.name !== 'waiting'} />
        ))}
      </div>
      <div className={css.queues}>
        {Array.from({ length: 3 }, (_, at) => (
          <Skeleton key={at} height="16rem" radius="lg" animate={link.name !== 'waiting'} />
        ))}
      </div>
    </main>
  );
}
