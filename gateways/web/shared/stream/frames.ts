/** What the realtime service sends (`gateways/realtime/frames.py`, `projections/wallboard`). */

export type Bucket =
  | 'extcall'
  | 'incall'
  | 'offline'
  | 'unreachable'
  | 'ring'
  | 'paused'
  | 'wrapup'
  | 'ready'
  | 'idle';

/** Epoch milliseconds of the server's clock. */
export type Millis = number;

export interface AccountValue {
  id: string;
  name: string;
  timezone: string;
  /** Since when the figures count. */
  since: Millis;
}

export interface GaugesValue {
  occupancyPct: number;
  serviceLevelPct: number;
  asaMs: number;
  ahtMs: number;
  abandonRatePct: number;
  offered: number;
  answered: number;
  abandoned: number;
  waiting: number;
  oldestSince: Millis | null;
  agents: Record<Bucket, number>;
}

export interface QueueFigures {
  offered: number;
  waiting: number;
  answered: number;
  abandoned: number;
  abandonRatePct: number;
  asaMs: number;
  serviceLevelPct: number;
  ahtMs: number;
}

export interface QueueValue {
  id: string;
  name: string;
  waiting: number;
  oldestSince: Millis | null;
  ready: number;
  busy: number;
  agents: Record<Bucket, number>;
  ewtSec: number;
  slThresholdSec: number;
  slTargetPct: number;
  alarmWaitSec: number;
  alarmSlPct: number;
  kpis: QueueFigures;
}

export interface AgentValue {
  id: string;
  username: string;
  name: string | null;
  bucket: Bucket;
  since: Millis | null;
  reason: string | null;
  pending: string | null;
  wrapUpUntil: Millis | null;
  callId: string | null;
  queueId: string | null;
  queues: { id: string; level: number }[];
  answered: number;
  missed: number;
}

export interface CallerValue {
  callId: string;
  queueId: string;
  since: Millis;
  priority: number;
  giveUpAt: Millis | null;
  /** Agents whose phones ring for this caller. */
  ringing: string[];
  isCallback: boolean;
}

/** What stands under a key, by the part of the key before the colon. */
export interface Values {
  account: AccountValue;
  gauges: GaugesValue;
  queue: QueueValue;
  agent: AgentValue;
  caller: CallerValue;
}

export type Value = Values[keyof Values];

interface Stamp {
  epoch: string;
  seq: number;
  /** When the newest fact in it was decided. */
  at: Millis;
  position: number;
  /** False while the bus is away and the values may be old. */
  live: boolean;
}

export interface Snapshot extends Stamp {
  type: 'snapshot';
  keys: Record<string, Value>;
}

export interface Delta extends Stamp {
  type: 'delta';
  /** The screen that it takes to `seq`. */
  from: number;
  keys: Record<string, Value | null>;
}

export type Frame = Snapshot | Delta;

export type Reason =
  | 'rings'
  | 'not_an_agent'
  | 'offline'
  | 'not_joined'
  | 'on_break'
  | 'in_call'
  | 'rings_for_another'
  | 'wrap_up'
  | 'external_call'
  | 'unreachable'
  | 'leaving'
  | 'later_tier'
  | 'another_rings'
  | 'free';

export interface Finding {
  agentId: string;
  reason: Reason;
  level: number | null;
  until: Millis | null;
  detail: string | null;
}

export interface Why {
  callId: string;
  queueId?: string;
  /** Null: the caller does not wait any more. */
  agents: Finding[] | null;
}

export interface Answers {
  why: Why;
  pong: { id: number; at: Millis };
}

export type Message = Frame | ({ type: 'why' } & Why) | ({ type: 'pong' } & Answers['pong']);
