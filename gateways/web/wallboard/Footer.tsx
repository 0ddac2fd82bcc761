import { useEffect, useState } from 'react';
import { timeOfDay } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { View } from '../shared/stream/wallboard';
import css from './Footer.module.css';
import { useWallboard } from './Live';

interface Props {
  view: View;
  timezone: string | undefined;
  since: number | undefined;
  isTv: boolean;
}

const TRANSPORTS = { websocket: 'WebSocket', sse: 'server-sent events' };

export function Footer({ view, timezone, since, isTv }: Props) {
  return (
    <footer className={css.footer} data-wall={isTv}>
      <span>
        {since !== undefined && `Figures since ${timeOfDay(since, timezone)}`}
        {timezone && ` · ${timezone}`}
      </span>
      <Latency />
      {!isTv && (
        <span>
          {view.link.name === 'open' ? TRANSPORTS[view.link.transport] : 'no connection'}
          {view.reconnects > 0 && ` · reconnected ${view.reconnects}×`}
        </span>
      )}
    </footer>
  );
}

/** From the commit of a fact to its pixels, over the last changes. */
function Latency() {
  const wallboard = useWallboard();
  const [latency, setLatency] = useState(wallboard.latency());
  useEffect(() => {
    const timer = setInterval(() => setLatency(wallboard.latency()), 1000);
    return () => clearInterval(timer);
  }, [wallboard]);
  return (
    <span
      className={css.latency}
      data-latency={latency?.count ?? 0}
      title="From an event's commit to its pixels, over the last changes on this screen"
    >
      <Icon name="clock" /> Event to screen{' '}
      {latency ? (
        <>
          <strong>{Math.round(latency.p50)} ms</strong> p50 ·{' '}
          <strong>{Math.round(latency.p99)} ms</strong> p99
        </>
      ) : (
        'not measured yet'
      )}
    </span>
  );
}
