import { useEffect, useState } from 'react';
import { duration } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { View } from '../shared/stream/wallboard';
import css from './LinkBadge.module.css';

/** Whether what stands on the screen is what is; said aloud when that changes. */
export function LinkBadge({ view }: { view: View }) {
  return (
    <div className={css.badge} data-stale={view.isStale}>
      {view.isStale ? <Icon name="alarm" /> : <span className={css.dot} />}
      <span role="status">{view.isStale ? 'Not live' : 'Live'}</span>
      {view.isStale && <Age view={view} />}
    </div>
  );
}

/** How old the newest word is, by the screen's own clock: the server's is not to be had now. */
function Age({ view }: { view: View }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span className={css.age}>
      {view.link.name === 'open' ? 'values' : 'reconnecting, values'} are{' '}
      <time>{duration(now - view.heardAt)}</time> old
    </span>
  );
}
