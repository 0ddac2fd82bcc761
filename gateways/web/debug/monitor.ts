/** The debug stream: entries as they come, told to the page a few times a second. */

import { Link, type LinkState } from '../shared/stream/link';
import { type EntriesFrame, KINDS, type Kind, type Log, NOTHING, taken } from './entries';

const TOLD_EVERY = 200;

export interface Wanted {
  account: string;
  call: string;
  kinds: readonly Kind[];
}

/** As the service wants them; nothing for all of them. */
export function typesOf(kinds: readonly Kind[]): string {
  return kinds.length === KINDS.length ? '' : KINDS.filter((kind) => kinds.includes(kind)).join();
}

export interface MonitorView {
  readonly log: Log;
  readonly link: LinkState;
  readonly isPaused: boolean;
  /** Entries that came since the pause. */
  readonly held: number;
}

export class Monitor {
  private readonly link: Link;
  private readonly listeners = new Set<() => void>();
  private log: Log = NOTHING;
  /** What is shown while the stream goes on. */
  private frozen: Log | undefined;
  private state: LinkState = { name: 'connecting' };
  private telling: ReturnType<typeof setTimeout> | undefined;
  view: MonitorView = { log: NOTHING, link: this.state, isPaused: false, held: 0 };

  constructor(credential: Record<string, string>, wanted: Wanted) {
    this.link = new Link({ ticket: 'debug/ticket', socket: 'debug/ws' }, credential, {
      state: (state) => {
        this.state = state;
        this.tell();
      },
      message: (data) => {
        this.log = taken(this.log, JSON.parse(data) as EntriesFrame);
        this.telling ??= setTimeout(() => this.tell(), TOLD_EVERY);
      },
      query: () => ({ account: wanted.account, call: wanted.call, type: typesOf(wanted.kinds) }),
    });
  }

  start(): void {
    this.link.start();
  }

  stop(): void {
    this.link.stop();
    clearTimeout(this.telling);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  pause(isPaused: boolean): void {
    this.frozen = isPaused ? this.log : undefined;
    this.tell();
  }

  clear(): void {
    this.log = { ...NOTHING, next: this.log.next };
    this.frozen = this.frozen && this.log;
    this.tell();
  }

  private tell(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.view = {
      log: this.frozen ?? this.log,
      link: this.state,
      isPaused: this.frozen !== undefined,
      held: this.frozen ? this.log.seen - this.frozen.seen : 0,
    };
    for (const listener of this.listeners) {
      listener();
    }
  }
}
