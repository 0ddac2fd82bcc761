import { Loader } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Icon, type IconName } from '../shared/icons';
import type { AgentValue, CallerValue, Finding, Reason, Why } from '../shared/stream/frames';
import { Ticking } from '../shared/ticking';
import { useWallboard } from './Live';
import { nameOf } from './shown';
import { summary } from './summary';
import css from './WhyPanel.module.css';

const EVERY = 2_000;

interface Saying {
  icon: IconName;
  text: string;
  /** Whether `detail` is for people to read; calls are only named by their ids. */
  saysDetail?: boolean;
}

const SAYINGS: Record<Reason, Saying> = {
  rings: { icon: 'bell', text: 'Rings for this caller' },
  not_an_agent: { icon: 'close', text: 'No agent any more, or not active' },
  offline: { icon: 'off', text: 'Not logged in' },
  not_joined: { icon: 'leave', text: 'Logged in, but not into this queue' },
  on_break: { icon: 'pause', text: 'On break', saysDetail: true },
  in_call: { icon: 'phone', text: 'In a call' },
  rings_for_another: { icon: 'bell', text: 'Rings for another caller' },
  wrap_up: { icon: 'pencil', text: 'In wrap-up' },
  external_call: { icon: 'phoneOut', text: 'In a call that is none of the queue’s' },
  unreachable: { icon: 'unplugged', text: 'The phone cannot be reached' },
  leaving: { icon: 'leave', text: 'Has asked for a break, or to go' },
  later_tier: { icon: 'hourglass', text: 'In a later tier: an earlier one rings' },
  another_rings: { icon: 'hourglass', text: 'One at a time: it is somebody else’s turn' },
  free: { icon: 'check', text: 'Free: rings next' },
};

interface Props {
  caller: CallerValue;
  agents: readonly AgentValue[];
}

/** Why nobody rings for a caller, agent by agent; asked again while one looks. */
export function WhyPanel({ caller, agents }: Props) {
  const { why, problem } = useWhy(caller.callId);
  const findings = why?.agents ?? [];
  return (
    <section className={css.panel} aria-label="Why is nobody ringing?">
      <h3>{caller.ringing.length ? 'Who rings, and who does not' : 'Why is nobody ringing?'}</h3>
      {problem && (
        <p className={css.problem} role="alert">
          {problem}
        </p>
      )}
      {!why && !problem && <Loader size="sm" aria-label="Asking" />}
      {why && <p className={css.summary}>{summary(findings)}</p>}
      <ul className={css.findings}>
        {findings.map((finding) => (
          <FindingRow
            key={finding.agentId}
            finding={finding}
            agent={agents.find(({ id }) => id === finding.agentId)}
          />
        ))}
      </ul>
      {caller.giveUpAt !== null && (
        <p className={css.end}>
          The queue gives up in <Ticking until={caller.giveUpAt} />
        </p>
      )}
    </section>
  );
}

function FindingRow({ finding, agent }: { finding: Finding; agent: AgentValue | undefined }) {
  const { icon, text, saysDetail } = SAYINGS[finding.reason] ?? {
    icon: 'question',
    text: finding.reason,
  };
  return (
    <li className={css.finding} data-reason={finding.reason}>
      <Icon name={icon} />
      <span className={css.texts}>
        <span className={css.name}>{agent ? nameOf(agent) : finding.agentId}</span>
        <span>
          {text}
          {saysDetail && finding.detail && `: ${finding.detail}`}
        </span>
      </span>
      <span className={css.meta}>
        {finding.until !== null && <Ticking until={finding.until} />}
        {finding.level !== null && <span>tier {finding.level}</span>}
      </span>
    </li>
  );
}

function useWhy(callId: string): { why: Why | undefined; problem: string | undefined } {
  const wallboard = useWallboard();
  const [why, setWhy] = useState<Why>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    let isOver = false;
    const ask = async () => {
      try {
        const found = await wallboard.why(callId);
        if (!isOver) {
          setWhy(found);
          setProblem(undefined);
        }
      } catch (error) {
        if (!isOver) {
          setProblem(error instanceof Error ? error.message : String(error));
        }
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), EVERY);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [wallboard, callId]);
  return { why, problem };
}
