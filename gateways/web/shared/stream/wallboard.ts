/**
 * The live wallboard: what the link brings, folded, and told to the page once per painted frame.
 *
 * While the connection is away the last values stay, and `isStale` says that they are old.
 */

import { type Board, EMPTY, fold, GAP, placeOf } from './board';
import type { Answers, Frame, Message, Why } from './frames';
import { type Latency, LatencyMeter } from './latency';
import { type Credential, Link, type LinkState, STALE } from './link';
import { ServerClock } from './serverClock';

const PINGS = [0, 200, 400, 1_000, 5_000];
/** Seconds. */
const PING_EVERY = 30;
/** Milliseconds that the clock may be wrong where latencies of some tens are to mean something. */
const MEASURABLE = 100;
const ASK_PATIENCE = 4_000;
const PATHS = { ticket: 'wallboard/ticket', socket: 'wallboard/ws', events: 'wallboard/sse' };

export interface View {
  readonly board: Board;
  readonly link: LinkState;
  /** There is something to see, and it may be old. */
  readonly isStale: boolean;
  /** When the last message came, by the screen's own clock. */
  readonly heardAt: number;
  readonly reconnects: number;
}

export class Wallboard {
  readonly clock = new ServerClock();
  private readonly meter = new LatencyMeter();
  private readonly link: Link;
  private readonly listeners = new Set<() => void>();
  private readonly pings = new Map<number, number>();
  private readonly asked = new Map<string, Set<(answer: Why) => void>>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private board: Board = EMPTY;
  private state: LinkState = { name: 'connecting' };
  private heardAt = 0;
  private opens = 0;
  private pingId = 0;
  private watch: ReturnType<typeof setInterval> | undefined;
  private looks = 0;
  private painting = false;
  /** Times of the facts that are on their way to the screen. */
  private unpainted: number[] = [];
  view: View = { board: EMPTY, link: this.state, isStale: false, heardAt: 0, reconnects: 0 };

  constructor(private readonly credential: Credential) {
    this.link = new Link(PATHS, credential, {
      state: (state) => this.onState(state),
      message: (data) => this.onMessage(JSON.parse(data) as Message),
      date: (at, sent) => this.clock.learn(at, sent, 1_000),
      query: () => ({ since: placeOf(this.board) }),
    });
  }

  start(): void {
    this.link.start();
    this.watch = setInterval(() => this.look(), 1_000);
  }

  stop(): void {
    this.link.stop();
    clearInterval(this.watch);
    this.timers.forEach(clearTimeout);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  latency(): Latency | undefined {
    return this.meter.read();
  }

  /** Why nobody rings for a caller, over the WebSocket or, where there is none, by HTTP. */
  async why(callId: string): Promise<Why> {
    if (!this.link.send({ type: 'why', callId })) {
      return this.whyByHttp(callId);
    }
    return new Promise((resolve, reject) => {
      const waiting = this.asked.get(callId) ?? new Set();
      this.asked.set(callId, waiting.add(resolve));
      this.after(ASK_PATIENCE, () => {
        waiting.delete(resolve);
        reject(new Error('The service does not answer.'));
      });
    });
  }

  private async whyByHttp(callId: string): Promise<Why> {
    const query = new URLSearchParams({ callId });
    const answer = await fetch(`wallboard/why?${query}`, { headers: this.credential });
    if (answer.status === 404) {
      return { callId, agents: null };
    }
    if (!answer.ok) {
      throw new Error(`The service answers ${answer.status}.`);
    }
    return (await answer.json()) as Why;
  }

  private onState(state: LinkState): void {
    this.state = state;
    if (state.name === 'open') {
      this.opens += 1;
      this.synchronise(state.transport);
    } else {
      this.pings.clear();
    }
    this.publish();
  }

  private synchronise(transport: 'websocket' | 'sse'): void {
    if (transport === 'sse') {
      void this.askTheTime();
      return;
    }
    for (const wait of PINGS) {
      this.after(wait, () => this.ping());
    }
  }

  private ping(): void {
    const id = ++this.pingId;
    if (this.link.send({ type: 'ping', id })) {
      this.pings.set(id, Date.now());
    }
  }

  private async askTheTime(): Promise<void> {
    const sent = Date.now();
    const answer = await fetch('wallboard/data', { headers: this.credential }).catch(() => null);
    if (answer?.ok) {
      const { at } = (await answer.json()) as { at: number };
      this.clock.learn(at, sent);
    }
  }

  private onMessage(message: Message): void {
    this.heardAt = Date.now();
    switch (message.type) {
      case 'pong':
        this.onPong(message);
        break;
      case 'why':
        for (const resolve of this.asked.get(message.callId) ?? []) {
          resolve(message);
        }
        this.asked.delete(message.callId);
        break;
      default:
        this.onFrame(message);
    }
  }

  private onPong({ id, at }: Answers['pong']): void {
    const sent = this.pings.get(id);
    if (sent !== undefined) {
      this.pings.delete(id);
      this.clock.learn(at, sent);
    }
  }

  private onFrame(frame: Frame): void {
    const next = fold(this.board, frame);
    if (next === GAP) {
      this.board = { ...this.board, epoch: '' }; // all values anew; the old ones stay meanwhile
      this.link.restart();
      return;
    }
    if (frame.type === 'delta' && frame.at > this.board.at) {
      this.unpainted.push(frame.at);
    }
    this.board = next;
    this.repaint();
  }

  /** Once per frame of the screen, however many came; a hidden page is not painted, and not measured. */
  private repaint(): void {
    if (this.painting) {
      return;
    }
    this.painting = true;
    if (document.hidden) {
      setTimeout(() => this.paint(), 250);
    } else {
      requestAnimationFrame(() => this.paint());
    }
  }

  private paint(): void {
    this.painting = false;
    const shown = this.unpainted;
    this.unpainted = [];
    this.publish();
    if (!document.hidden && shown.length > 0) {
      setTimeout(() => this.measure(shown)); // what is queued in a frame runs after it was painted
    }
  }

  private measure(shown: number[]): void {
    if (this.clock.uncertainty > MEASURABLE) {
      return;
    }
    const now = this.clock.now();
    for (const at of shown) {
      this.meter.add(now - at);
    }
  }

  private look(): void {
    this.looks += 1;
    if (this.state.name === 'open' && this.looks % PING_EVERY === 0) {
      this.ping();
    }
    if (this.stale() !== this.view.isStale) {
      this.publish();
    }
  }

  private stale(): boolean {
    const isCurrent =
      this.state.name === 'open' && this.board.isLive && Date.now() - this.heardAt < STALE;
    return this.board.keys.size > 0 && !isCurrent;
  }

  private publish(): void {
    this.view = {
      board: this.board,
      link: this.state,
      isStale: this.stale(),
      heardAt: this.heardAt,
      reconnects: Math.max(0, this.opens - 1),
    };
    for (const listener of this.listeners) {
      listener();
    }
  }

  private after(wait: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, wait);
    this.timers.add(timer);
  }
}
