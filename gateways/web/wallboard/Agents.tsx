import { Select, TextInput } from '@mantine/core';
import { memo, useMemo, useState } from 'react';
import { number } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { AgentValue, Bucket, QueueValue } from '../shared/stream/frames';
import css from './Agents.module.css';
import { AgentTile } from './AgentTile';
import { BUCKETS, colourOf, LOOKS } from './buckets';
import { Paged } from './Paged';
import { Empty, Section } from './Section';
import { nameOf } from './shown';

interface Props {
  agents: readonly AgentValue[];
  queues: readonly QueueValue[];
  isTv: boolean;
}

interface Filter {
  buckets: ReadonlySet<Bucket>;
  queueId: string | null;
  text: string;
}

const ALL: Filter = { buckets: new Set(), queueId: null, text: '' };

export const Agents = memo(function Agents({ agents, queues, isTv }: Props) {
  const [filter, setFilter] = useState(ALL);
  const names = useMemo(() => new Map(queues.map(({ id, name }) => [id, name])), [queues]);
  const shown = isTv ? byState(agents) : agents.filter((agent) => matches(agent, filter));
  const tiles = shown.map((agent) => (
    <AgentTile
      key={agent.id}
      agent={agent}
      queueName={agent.queueId ? names.get(agent.queueId) : undefined}
    />
  ));
  return (
    <Section
      name="Agents"
      count={agents.length}
      isTv={isTv}
      share={share(agents.length)}
      tools={agents.length > 0 && <Search queues={queues} filter={filter} onFilter={setFilter} />}
      filters={
        agents.length > 0 && (
          <States agents={agents} filter={filter} isTv={isTv} onFilter={setFilter} />
        )
      }
    >
      {agents.length === 0 ? (
        <Empty icon="person" title="No agents yet">
          A user with <code>is_agent</code> shows here at once.
        </Empty>
      ) : isTv ? (
        <Paged items={tiles} width={12.5} height={3.75} dense={0.65} />
      ) : tiles.length === 0 ? (
        <Empty icon="search" title="Nobody is like that">
          <button type="button" className={css.reset} onClick={() => setFilter(ALL)}>
            Show all agents
          </button>
        </Empty>
      ) : (
        <ul className={css.agents}>{tiles}</ul>
      )}
    </Section>
  );
});

/** Who is at work first. */
function byState(agents: readonly AgentValue[]): AgentValue[] {
  return [...agents].sort(
    (one, other) => BUCKETS.indexOf(one.bucket) - BUCKETS.indexOf(other.bucket),
  );
}

function matches(agent: AgentValue, { buckets, queueId, text }: Filter): boolean {
  const looked = text.trim().toLowerCase();
  return (
    (buckets.size === 0 || buckets.has(agent.bucket)) &&
    (queueId === null || agent.queues.some(({ id }) => id === queueId)) &&
    (!looked || `${nameOf(agent)} ${agent.username}`.toLowerCase().includes(looked))
  );
}

/** How much of a wall the agents want: rows of six, three of them at most. */
function share(count: number): number {
  return 4.6 * Math.min(3, Math.ceil(count / 6)) + 3;
}

interface FilterProps {
  filter: Filter;
  onFilter: (filter: Filter) => void;
}

interface StatesProps extends FilterProps {
  agents: readonly AgentValue[];
  isTv: boolean;
}

function States({ agents, filter, isTv, onFilter }: StatesProps) {
  const counts = useMemo(() => {
    const found = new Map<Bucket, number>();
    for (const { bucket } of agents) {
      found.set(bucket, (found.get(bucket) ?? 0) + 1);
    }
    return found;
  }, [agents]);
  const toggle = (bucket: Bucket) => {
    const buckets = new Set(filter.buckets);
    if (!buckets.delete(bucket)) {
      buckets.add(bucket);
    }
    onFilter({ ...filter, buckets });
  };
  return (
    <ul className={css.states} aria-label="Agents by state">
      {BUCKETS.map((bucket) => (
        <li key={bucket} style={{ color: colourOf(bucket) }}>
          <button
            type="button"
            className={css.state}
            aria-pressed={filter.buckets.has(bucket)}
            disabled={isTv}
            data-bucket-count={bucket}
            onClick={() => toggle(bucket)}
          >
            <Icon name={LOOKS[bucket].icon} />
            <span className={css.label}>{LOOKS[bucket].label}</span>
            <strong>{number(counts.get(bucket) ?? 0)}</strong>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Search({ queues, filter, onFilter }: FilterProps & { queues: readonly QueueValue[] }) {
  return (
    <div className={css.search}>
      <Select
        aria-label="Queue"
        placeholder="All queues"
        size="xs"
        clearable
        data={queues.map(({ id, name }) => ({ value: id, label: name }))}
        value={filter.queueId}
        onChange={(queueId) => onFilter({ ...filter, queueId })}
      />
      <TextInput
        aria-label="Find an agent"
        placeholder="Find an agent"
        size="xs"
        leftSection={<Icon name="search" />}
        value={filter.text}
        onChange={(event) => onFilter({ ...filter, text: event.currentTarget.value })}
      />
    </div>
  );
}
