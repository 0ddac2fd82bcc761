import { ActionIcon, Button, Chip, Group, TextInput, Tooltip } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { type Access, headersOf } from '../shared/credentials';
import { counted, number } from '../shared/formats';
import { Icon } from '../shared/icons';
import { SchemeToggle } from '../shared/SchemeToggle';
import { KINDS, type Kind } from './entries';
import { Lines } from './Lines';
import { Monitor, type MonitorView, typesOf, type Wanted } from './monitor';
import css from './Page.module.css';

interface Props {
  access: Access;
  onLeave: (why?: string) => void;
}

export function Page({ access, onLeave }: Props) {
  const [wanted, setWanted] = useState(wantedFromAddress);
  const [asked] = useDebouncedValue(wanted, 400);
  const [monitor, setMonitor] = useState<Monitor>();
  useEffect(() => {
    keepInAddress(asked);
    const made = new Monitor(headersOf(access), asked);
    made.start();
    setMonitor(made);
    return () => made.stop();
  }, [access, asked]);
  return (
    <div className={css.page}>
      <header className={css.header}>
        <h1>Debug monitor</h1>
        <div className={css.actions}>
          <SchemeToggle />
          <Tooltip label="Sign out">
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label="Sign out"
              onClick={() => onLeave()}
            >
              <Icon name="leave" />
            </ActionIcon>
          </Tooltip>
        </div>
      </header>
      <Filters wanted={wanted} onWanted={setWanted} />
      {monitor && <Stream monitor={monitor} onWanted={setWanted} onLeave={onLeave} />}
    </div>
  );
}

interface StreamProps {
  monitor: Monitor;
  onWanted: (change: (wanted: Wanted) => Wanted) => void;
  onLeave: Props['onLeave'];
}

function Stream({ monitor, onWanted, onLeave }: StreamProps) {
  const view = useSyncExternalStore(monitor.subscribe, () => monitor.view);
  const why = view.link.name === 'refused' ? view.link.why : undefined;
  useEffect(() => {
    if (why) {
      onLeave(why);
    }
  }, [why, onLeave]);
  const follow = useMemo(
    () => (call: string) => onWanted((wanted) => ({ ...wanted, call })),
    [onWanted],
  );
  return (
    <main className={css.main}>
      <Toolbar view={view} monitor={monitor} />
      <Lines log={view.log} onCall={follow} />
    </main>
  );
}

function Toolbar({ view, monitor }: { view: MonitorView; monitor: Monitor }) {
  const { log, isPaused, held } = view;
  return (
    <div className={css.toolbar}>
      <Button
        size="xs"
        variant={isPaused ? 'filled' : 'default'}
        leftSection={<Icon name={isPaused ? 'play' : 'pause'} />}
        onClick={() => monitor.pause(!isPaused)}
      >
        {isPaused ? 'Go on' : 'Pause'}
      </Button>
      <Button size="xs" variant="default" onClick={() => monitor.clear()}>
        Clear
      </Button>
      <span role="status" className={css.link} data-link={view.link.name}>
        {said(view)}
      </span>
      {isPaused && <span>{counted(held, 'entry').replace('entrys', 'entries')} held back</span>}
      <span className={css.counts}>
        {number(log.seen)} seen
        {log.dropped > 0 && (
          <strong className={css.dropped}>
            <Icon name="alarm" /> {number(log.dropped)} dropped
          </strong>
        )}
      </span>
    </div>
  );
}

function said({ link }: MonitorView): string {
  switch (link.name) {
    case 'open':
      return 'Live';
    case 'waiting':
      return `${link.why} Trying again.`;
    default:
      return 'Connecting';
  }
}

function Filters({ wanted, onWanted }: { wanted: Wanted; onWanted: (wanted: Wanted) => void }) {
  return (
    <search className={css.filters}>
      <TextInput
        label="Account"
        placeholder="all"
        value={wanted.account}
        onChange={(event) => onWanted({ ...wanted, account: event.currentTarget.value.trim() })}
        spellCheck={false}
      />
      <TextInput
        label="Call"
        placeholder="all"
        value={wanted.call}
        onChange={(event) => onWanted({ ...wanted, call: event.currentTarget.value.trim() })}
        spellCheck={false}
      />
      <Chip.Group
        multiple
        value={[...wanted.kinds]}
        onChange={(kinds) => onWanted({ ...wanted, kinds: kinds as Kind[] })}
      >
        <Group gap="xs" role="group" aria-label="Types">
          {KINDS.map((kind) => (
            <Chip key={kind} value={kind} size="sm" radius="md">
              {kind}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
    </search>
  );
}

function wantedFromAddress(): Wanted {
  const query = new URLSearchParams(location.search);
  const kinds = (query.get('type') ?? '').split(',');
  return {
    account: query.get('account') ?? '',
    call: query.get('call') ?? '',
    kinds: query.get('type') ? KINDS.filter((kind) => kinds.includes(kind)) : KINDS,
  };
}

/** So that a filtered view can be passed on, and stays after a reload. */
function keepInAddress({ account, call, kinds }: Wanted): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries({ account, call, type: typesOf(kinds) })) {
    if (value) {
      url.searchParams.set(name, value);
    } else {
      url.searchParams.delete(name);
    }
  }
  history.replaceState(history.state, '', url);
}
