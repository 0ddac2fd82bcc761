import { memo, type ReactNode } from 'react';
import { counted, duration, number } from '../shared/formats';
import type { GaugesValue } from '../shared/stream/frames';
import { Ticking } from '../shared/ticking';
import css from './Gauges.module.css';

/** The whole center in figures: those of the API, weighted as spec 08 wants it. */
export const Gauges = memo(function Gauges({ gauges }: { gauges: GaugesValue | undefined }) {
  if (!gauges) {
    return null;
  }
  const { offered, answered } = gauges;
  return (
    <section aria-label="The whole center today" className={css.gauges}>
      <Gauge name="Waiting now" id="waiting" value={gauges.waiting} text={number(gauges.waiting)}>
        {gauges.oldestSince === null ? (
          'nobody waits'
        ) : (
          <>
            longest <Ticking since={gauges.oldestSince} />
          </>
        )}
      </Gauge>
      <Gauge
        name="Service level"
        id="serviceLevelPct"
        value={gauges.serviceLevelPct}
        share={gauges.serviceLevelPct}
        isEmpty={offered === 0}
      >
        of {counted(offered, 'caller')}
      </Gauge>
      <Gauge
        name="Abandoned"
        id="abandonRatePct"
        value={gauges.abandonRatePct}
        share={gauges.abandonRatePct}
        isEmpty={offered === 0}
      >
        {number(gauges.abandoned)} of {number(offered)}
      </Gauge>
      <Gauge
        name="Speed of answer"
        id="asaMs"
        value={gauges.asaMs}
        text={duration(gauges.asaMs)}
        isEmpty={answered === 0}
      >
        mean of {number(answered)} answered
      </Gauge>
      <Gauge
        name="Handle time"
        id="ahtMs"
        value={gauges.ahtMs}
        text={duration(gauges.ahtMs)}
        isEmpty={gauges.ahtMs === 0}
      >
        mean with wrap-up
      </Gauge>
      <Gauge
        name="Occupancy"
        id="occupancyPct"
        value={gauges.occupancyPct}
        share={gauges.occupancyPct}
      >
        mean over agents
      </Gauge>
    </section>
  );
});

interface Props {
  name: string;
  id: string;
  /** The API's figure, for machines that read the page. */
  value: number;
  text?: string;
  /** Percent, for the ring; the text then is the percentage. */
  share?: number;
  /** Nothing to take a figure of yet. */
  isEmpty?: boolean;
  children: ReactNode;
}

function Gauge({ name, id, value, text, share, isEmpty = false, children }: Props) {
  return (
    <div className={css.gauge}>
      <div className={css.texts}>
        <h2>{name}</h2>
        <data value={value} data-gauge={id} className={css.value}>
          {isEmpty ? '–' : (text ?? share)}
          {!isEmpty && share !== undefined && <span className={css.unit}>%</span>}
        </data>
        <p>{children}</p>
      </div>
      {share !== undefined && <Ring share={isEmpty ? 0 : share} />}
    </div>
  );
}

const RADIUS = 26;
const ROUND = 2 * Math.PI * RADIUS;

function Ring({ share }: { share: number }) {
  return (
    <svg className={css.ring} viewBox="0 0 64 64" aria-hidden="true">
      <circle cx="32" cy="32" r={RADIUS} className={css.track} />
      <circle
        cx="32"
        cy="32"
        r={RADIUS}
        className={css.arc}
        strokeDasharray={`${(Math.min(100, share) / 100) * ROUND} ${ROUND}`}
        data-empty={share === 0}
      />
    </svg>
  );
}
