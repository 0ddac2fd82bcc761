import { memo } from 'react';
import { duration, number, percent } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { CallerValue, QueueValue } from '../shared/stream/frames';
import { Ticking, useTicking } from '../shared/ticking';
import { alarmOf, CALM, isRed, reasonOf } from './alarms';
import type { Looked } from './CallerDrawer';
import css from './QueueTile.module.css';
import { StateBar } from './StateBar';

interface Props {
  queue: QueueValue;
  line: CallerValue[];
  isTv: boolean;
  onLook: (looked: Looked) => void;
}

const LINES = 2;

export const QueueTile = memo(
  function QueueTile({ queue, line, isTv, onLook }: Props) {
    const code = useTicking((now) => {
      const { wait, level } = alarmOf(queue, now);
      return Number(wait) + 2 * Number(level);
    });
    const alarm = code ? { wait: code % 2 === 1, level: code > 1 } : CALM;
    const { kpis } = queue;
    return (
      <li className={css.tile} data-queue={queue.id} data-red={isRed(alarm)}>
        <div className={css.head}>
          <h3>{queue.name}</h3>
          {isRed(alarm) && (
            <p className={css.alarm}>
              <Icon name="alarm" /> {reasonOf(alarm, queue, isTv)}
            </p>
          )}
        </div>
        <dl className={css.now}>
          <div data-red={alarm.wait}>
            <dt>Waiting</dt>
            <dd>
              <data value={queue.waiting} data-member="waiting">
                {number(queue.waiting)}
              </data>
            </dd>
          </div>
          <div data-red={alarm.wait}>
            <dt>Longest wait</dt>
            <dd data-member="longest">
              {queue.oldestSince === null ? '0:00' : <Ticking since={queue.oldestSince} />}
            </dd>
          </div>
          <div>
            <dt>Ready / busy</dt>
            <dd>
              <data value={queue.ready} data-member="ready">
                {number(queue.ready)}
              </data>
              <span className={css.slash}>/</span>
              <data value={queue.busy} data-member="busy">
                {number(queue.busy)}
              </data>
            </dd>
          </div>
        </dl>
        <dl className={css.figures}>
          <div data-red={alarm.level}>
            <dt>Service level</dt>
            <dd>
              <data value={kpis.serviceLevelPct} data-member="serviceLevelPct">
                {kpis.offered ? percent(kpis.serviceLevelPct) : '–'}
              </data>
              <Target queue={queue} />
            </dd>
          </div>
          <div>
            <dt>Abandoned</dt>
            <dd>
              <data value={kpis.abandonRatePct} data-member="abandonRatePct">
                {kpis.offered ? percent(kpis.abandonRatePct) : '–'}
              </data>
            </dd>
          </div>
          <div>
            <dt>Answered in</dt>
            <dd>
              <data value={kpis.asaMs} data-member="asaMs">
                {kpis.answered ? duration(kpis.asaMs) : '–'}
              </data>
            </dd>
          </div>
        </dl>
        <StateBar counts={queue.agents} label={`Agents of ${queue.name}`} />
        {!isTv && <Line queue={queue} line={line} onLook={onLook} />}
      </li>
    );
  },
  (before, after) =>
    before.queue === after.queue &&
    before.isTv === after.isTv &&
    before.onLook === after.onLook &&
    before.line.length === after.line.length &&
    before.line.every((one, at) => one === after.line[at]),
);

/** The service level as a bar, with a mark where it should be. */
function Target({ queue }: { queue: QueueValue }) {
  const { slTargetPct, slThresholdSec, kpis } = queue;
  return (
    <span className={css.target} title={`Target: ${slTargetPct} % within ${slThresholdSec} s`}>
      <span style={{ width: `${kpis.serviceLevelPct}%` }} />
      <i style={{ left: `${slTargetPct}%` }} />
    </span>
  );
}

function Line({ queue, line, onLook }: Omit<Props, 'isTv'>) {
  const more = line.length - LINES;
  return (
    <div className={css.line}>
      {line.length === 0 && <p className={css.nobody}>Nobody waits</p>}
      {line.slice(0, LINES).map((caller) => (
        <button
          type="button"
          key={caller.callId}
          className={css.caller}
          data-caller={caller.callId}
          onClick={() => onLook({ queueId: queue.id, callId: caller.callId })}
        >
          <Icon name={caller.isCallback ? 'callback' : 'person'} />
          <Ticking since={caller.since} className={css.wait} />
          <span className={css.rings} data-rings={caller.ringing.length > 0}>
            {ringing(caller)}
          </span>
          <span className={css.why}>Why?</span>
          <span className="cp-unseen">Why is nobody ringing?</span>
        </button>
      ))}
      {more > 0 && (
        <button type="button" className={css.more} onClick={() => onLook({ queueId: queue.id })}>
          and {number(more)} more
        </button>
      )}
    </div>
  );
}

export function ringing({ ringing }: CallerValue): string {
  if (ringing.length === 0) {
    return 'nobody rings';
  }
  return ringing.length === 1 ? 'an agent rings' : `${ringing.length} agents ring`;
}
