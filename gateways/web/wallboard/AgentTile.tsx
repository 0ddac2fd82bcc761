import { memo } from 'react';
import { Icon } from '../shared/icons';
import type { AgentValue } from '../shared/stream/frames';
import { Ticking } from '../shared/ticking';
import css from './AgentTile.module.css';
import { colourOf, LOOKS } from './buckets';
import { nameOf } from './shown';

interface Props {
  agent: AgentValue;
  queueName: string | undefined;
}

/** Drawn again only when the agent's value is another one; his times tick without that. */
export const AgentTile = memo(function AgentTile({ agent, queueName }: Props) {
  const look = LOOKS[agent.bucket];
  return (
    <li
      className={css.tile}
      style={{ '--state': colourOf(agent.bucket) } as React.CSSProperties}
      data-agent={agent.id}
      data-bucket={agent.bucket}
    >
      <span className={css.icon}>
        <Icon name={look.icon} size="1.25rem" />
      </span>
      <span className={css.texts}>
        <span className={css.first}>
          <span className={css.name}>{nameOf(agent)}</span>
          {agent.since !== null && <Ticking since={agent.since} className={css.time} />}
        </span>
        <span className={css.state}>
          {look.label}
          <Detail agent={agent} queueName={queueName} />
        </span>
      </span>
    </li>
  );
});

const NEXT: Record<string, string> = { pause: 'break next', logout: 'leaves next' };

function Detail({ agent, queueName }: Props) {
  if (agent.bucket === 'wrapup' && agent.wrapUpUntil !== null) {
    return (
      <span className={css.detail}>
        {' '}
        · <Ticking until={agent.wrapUpUntil} /> left
      </span>
    );
  }
  const said = agent.pending
    ? (NEXT[agent.pending] ?? agent.pending)
    : agent.bucket === 'paused'
      ? agent.reason
      : queueName;
  return said ? <span className={css.detail}> · {said}</span> : null;
}
