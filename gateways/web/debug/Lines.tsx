import { memo, useState } from 'react';
import { number, timeOfDay } from '../shared/formats';
import { Icon, type IconName } from '../shared/icons';
import type { Entry, Kind, Line, Log } from './entries';
import css from './Lines.module.css';

const ICONS: Record<Kind, IconName> = {
  command: 'play',
  reply: 'callback',
  event: 'check',
  edge: 'link',
};

interface Props {
  log: Log;
  onCall: (callId: string) => void;
}

export const Lines = memo(function Lines({ log, onCall }: Props) {
  const [open, setOpen] = useState<number>();
  if (log.lines.length === 0) {
    return (
      <div className={css.empty}>
        <Icon name="link" size="1.75rem" />
        <strong>Nothing has passed yet</strong>
        <p>What matches the filters shows here as it happens.</p>
      </div>
    );
  }
  return (
    <ol className={css.lines}>
      {log.lines.map((line) => (
        <Row key={line.id} line={line} isOpen={line.id === open} onOpen={setOpen} onCall={onCall} />
      ))}
    </ol>
  );
});

interface RowProps {
  line: Line;
  isOpen: boolean;
  onOpen: (id: number | undefined) => void;
  onCall: (callId: string) => void;
}

const Row = memo(function Row({ line, isOpen, onOpen, onCall }: RowProps) {
  if (!('entry' in line)) {
    return (
      <li className={css.dropped}>
        <Icon name="alarm" /> {number(line.dropped)} dropped here: they came faster than this page
        took them
      </li>
    );
  }
  const { entry } = line;
  return (
    <li className={css.row} data-kind={entry.kind}>
      <div className={css.head}>
        <button
          type="button"
          className={css.open}
          aria-expanded={isOpen}
          onClick={() => onOpen(isOpen ? undefined : line.id)}
        >
          <time>{clock(entry.at)}</time>
          <span className={css.kind}>
            <Icon name={ICONS[entry.kind]} /> {entry.kind}
          </span>
          <span className={css.name}>{entry.name}</span>
          <span className={css.more}>{aside(entry)}</span>
        </button>
        {entry.callId ? (
          <button
            type="button"
            className={css.call}
            title="Only this call"
            onClick={() => onCall(entry.callId ?? '')}
          >
            {entry.callId}
          </button>
        ) : (
          <span className={css.call} />
        )}
      </div>
      {isOpen && (
        <pre className={css.body}>
          {entry.accountId && `account ${entry.accountId}\n`}
          {JSON.stringify(entry.body, null, 2)}
        </pre>
      )}
    </li>
  );
});

function clock(at: number): string {
  return `${timeOfDay(at, undefined, true)}.${String(at % 1000).padStart(3, '0')}`;
}

function aside({ ms, position, node }: Entry): string {
  if (ms !== undefined) {
    return `${ms.toFixed(1)} ms`;
  }
  return position ? `#${position}` : (node ?? '');
}
