import { number } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { Bucket } from '../shared/stream/frames';
import { BUCKETS, colourOf, LOOKS } from './buckets';
import css from './StateBar.module.css';

/** How many agents are in which state: a bar, and the same in icons and numbers. */
export function StateBar({ counts, label }: { counts: Record<Bucket, number>; label: string }) {
  const there = BUCKETS.filter((bucket) => counts[bucket] > 0);
  return (
    <div>
      <div className={css.bar} aria-hidden="true">
        {there.map((bucket) => (
          <span key={bucket} style={{ flex: counts[bucket], background: colourOf(bucket) }} />
        ))}
      </div>
      <ul className={css.legend} aria-label={label}>
        {there.map((bucket) => (
          <li key={bucket} style={{ color: colourOf(bucket) }} title={LOOKS[bucket].label}>
            <Icon name={LOOKS[bucket].icon} size="0.95em" />
            <span>{number(counts[bucket])}</span>
            <span className="cp-unseen"> {LOOKS[bucket].label}</span>
          </li>
        ))}
        {there.length === 0 && <li className={css.nobody}>No agents</li>}
      </ul>
    </div>
  );
}
