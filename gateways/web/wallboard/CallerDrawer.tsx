import { Drawer } from '@mantine/core';
import { number } from '../shared/formats';
import { Icon } from '../shared/icons';
import type { AgentValue, CallerValue, QueueValue } from '../shared/stream/frames';
import { Ticking } from '../shared/ticking';
import css from './CallerDrawer.module.css';
import { ringing } from './QueueTile';
import { inLine } from './shown';
import { WhyPanel } from './WhyPanel';

/** The queue whose callers are looked at, and the one of whom more is to be known. */
export interface Looked {
  queueId: string;
  callId?: string;
}

interface Props {
  looked: Looked | undefined;
  queues: readonly QueueValue[];
  callers: readonly CallerValue[];
  agents: readonly AgentValue[];
  onLook: (looked: Looked | undefined) => void;
}

export function CallerDrawer({ looked, queues, callers, agents, onLook }: Props) {
  const queue = queues.find(({ id }) => id === looked?.queueId);
  return (
    <Drawer.Root
      opened={looked !== undefined}
      onClose={() => onLook(undefined)}
      position="right"
      size="md"
    >
      <Drawer.Overlay />
      <Drawer.Content>
        <div className={css.bar}>
          <Drawer.Title className={css.title}>
            {queue ? `Waiting in ${queue.name}` : 'Waiting'}
          </Drawer.Title>
          <Drawer.CloseButton aria-label="Close" />
        </div>
        <Drawer.Body>
          {looked && <Callers looked={looked} callers={callers} agents={agents} onLook={onLook} />}
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

interface CallersProps extends Omit<Props, 'looked' | 'queues'> {
  looked: Looked;
}

function Callers({ looked, callers, agents, onLook }: CallersProps) {
  const line = inLine(callers, looked.queueId);
  const isGone = looked.callId && !line.some(({ callId }) => callId === looked.callId);
  return (
    <>
      {isGone && (
        <p className={css.gone} role="status">
          <Icon name="check" /> The caller does not wait any more.
        </p>
      )}
      {line.length === 0 && !isGone && <p className={css.gone}>Nobody waits.</p>}
      <ol className={css.callers}>
        {line.map((caller, at) => {
          const isOpen = caller.callId === looked.callId;
          const { callId: _, ...queueOnly } = looked;
          return (
            <li key={caller.callId} className={css.caller} data-open={isOpen}>
              <button
                type="button"
                className={css.head}
                aria-expanded={isOpen}
                onClick={() => onLook(isOpen ? queueOnly : { ...looked, callId: caller.callId })}
              >
                <span className={css.place}>{number(at + 1)}</span>
                <span className={css.texts}>
                  <span className={css.id}>{caller.callId}</span>
                  <span className={css.state}>
                    {caller.isCallback ? 'wants to be called back · ' : ''}
                    {ringing(caller)}
                    {caller.priority > 0 && ` · priority ${caller.priority}`}
                  </span>
                </span>
                <Ticking since={caller.since} className={css.wait} />
              </button>
              {isOpen && <WhyPanel caller={caller} agents={agents} />}
            </li>
          );
        })}
      </ol>
    </>
  );
}
