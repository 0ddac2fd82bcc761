import { useMemo, useState } from 'react';
import type { View } from '../shared/stream/wallboard';
import { useTicking } from '../shared/ticking';
import { Agents } from './Agents';
import { AlarmBanner } from './AlarmBanner';
import { alarmOf, isRed } from './alarms';
import { CallerDrawer, type Looked } from './CallerDrawer';
import { Footer } from './Footer';
import { Gauges } from './Gauges';
import { Header } from './Header';
import { Queues } from './Queues';
import css from './Screen.module.css';
import { useShown } from './shown';
import { useSound } from './sound';
import { useTv } from './tv';

export function Screen({ view, onLeave }: { view: View; onLeave: () => void }) {
  const { account, gauges, queues, agents, callers } = useShown(view.board);
  const tv = useTv();
  const [looked, look] = useState<Looked>();
  const reds = useTicking((now) =>
    queues
      .filter((queue) => isRed(alarmOf(queue, now)))
      .map(({ id }) => id)
      .join(' '),
  );
  const red = useMemo(() => new Set(reds.split(' ').filter(Boolean)), [reds]);
  const sound = useSound(reds, view.isStale);
  return (
    <div className={css.screen} data-tv={tv.isTv} data-stale={view.isStale}>
      <Header account={account} view={view} sound={sound} tv={tv} onLeave={onLeave} />
      <main className={css.main}>
        <AlarmBanner queues={queues} red={red} isTv={tv.isTv} />
        <Gauges gauges={gauges} />
        <Queues queues={queues} callers={callers} red={red} isTv={tv.isTv} onLook={look} />
        <Agents agents={agents} queues={queues} isTv={tv.isTv} />
      </main>
      <Footer view={view} timezone={account?.timezone} since={account?.since} isTv={tv.isTv} />
      <CallerDrawer
        looked={looked}
        queues={queues}
        callers={callers}
        agents={agents}
        onLook={look}
      />
    </div>
  );
}
