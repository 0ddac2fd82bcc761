/**
 * A connection that comes back: a ticket, a WebSocket, and its messages, for as long as it is open.
 *
 * Each try shows the credential for a new ticket. After one that opened no WebSocket the next asks
 * for server-sent events with the same frames, if `paths` has any. Silence longer than `SILENCE`
 * counts as broken: a healthy service says something every five seconds. Who may not look is told
 * so once, and nothing is tried again.
 */

import { pause } from './backoff';

/** Milliseconds without a message after which a connection is given up. */
export const SILENCE = 15_000;
/** And after which what stands on the screen is called old. */
export const STALE = 8_000;
const TICKET_PATIENCE = 10_000;
const OPEN_PATIENCE = 10_000;
/** Milliseconds for which a connection has to hold before the next pause is the shortest again. */
const STEADY = 5_000;
const UNAUTHENTICATED = 4401;
const FORBIDDEN = 4403;

export type Credential = Record<string, string>;

export interface Paths {
  ticket: string;
  socket: string;
  events?: string;
}

export type Transport = 'websocket' | 'sse';

export type LinkState =
  | { name: 'connecting' }
  | { name: 'open'; transport: Transport }
  | { name: 'waiting'; until: number; why: string }
  | { name: 'refused'; why: string };

export interface Listener {
  state(state: LinkState): void;
  message(data: string): void;
  /** The server's clock as the ticket's answer told it, in whole seconds. */
  date?(at: number, sent: number): void;
  /** What to add to the address: where to go on, what to filter. */
  query(): Record<string, string | undefined>;
}

class Refused extends Error {}

export class Link {
  private stopped = false;
  private tries = 0;
  /** Tickets in a row that opened no WebSocket. */
  private deaf = 0;
  private socket: WebSocket | undefined;
  private events: EventSource | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private openedAt = 0;

  constructor(
    private readonly paths: Paths,
    private readonly credential: Credential,
    private readonly listener: Listener,
  ) {}

  start(): void {
    addEventListener('online', this.hurry);
    document.addEventListener('visibilitychange', this.hurry);
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    removeEventListener('online', this.hurry);
    document.removeEventListener('visibilitychange', this.hurry);
    this.drop();
  }

  /** Say something; false where nobody hears it. */
  send(message: unknown): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Begin again at once, for instance because a message was missing. */
  restart(): void {
    this.drop();
    void this.connect();
  }

  private readonly hurry = (): void => {
    if (this.retry !== undefined && !document.hidden) {
      this.restart();
    }
  };

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    this.listener.state({ name: 'connecting' });
    try {
      const ticket = await this.ticket();
      if (attempt === this.attempt && !this.stopped) {
        this.open(ticket);
      }
    } catch (error) {
      if (attempt !== this.attempt || this.stopped) {
        return;
      }
      if (error instanceof Refused) {
        this.refuse(error.message);
      } else {
        this.later(error instanceof Error ? error.message : String(error));
      }
    }
  }

  private async ticket(): Promise<string> {
    const sent = Date.now();
    const answer = await fetch(this.paths.ticket, {
      method: 'POST',
      headers: this.credential,
      cache: 'no-store',
      signal: AbortSignal.timeout(TICKET_PATIENCE),
    }).catch(() => {
      throw new Error('The service does not answer.');
    });
    const body = (await answer.json().catch(() => ({}))) as { ticket?: string; detail?: string };
    if (answer.status === 401 || answer.status === 403) {
      throw new Refused(body.detail ?? 'This key does not open it.');
    }
    if (!answer.ok || !body.ticket) {
      throw new Error(body.detail ?? `The service answers ${answer.status}.`);
    }
    this.tellDate(answer.headers.get('date'), sent);
    return body.ticket;
  }

  private tellDate(date: string | null, sent: number): void {
    const at = date === null ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(at)) {
      this.listener.date?.(at + 500, sent);
    }
  }

  private open(ticket: string): void {
    const query = new URLSearchParams({ ticket });
    for (const [name, value] of Object.entries(this.listener.query())) {
      if (value) {
        query.set(name, value);
      }
    }
    this.openedAt = 0;
    if (this.paths.events && this.deaf % 2 === 1) {
      this.openEvents(`${this.paths.events}?${query}`);
    } else {
      this.openSocket(`${this.paths.socket}?${query}`);
    }
    this.listen(OPEN_PATIENCE);
  }

  private openSocket(path: string): void {
    this.deaf += 1;
    const url = new URL(path, document.baseURI);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.deaf = 0;
      this.opened('websocket');
    };
    socket.onmessage = ({ data }) => this.heard(String(data));
    socket.onclose = ({ code }) => {
      if (this.socket === socket) {
        this.closed(code);
      }
    };
  }

  private openEvents(path: string): void {
    this.deaf += 1;
    const events = new EventSource(path);
    this.events = events;
    events.onopen = () => {
      this.deaf = 0;
      this.opened('sse');
    };
    for (const kind of ['snapshot', 'delta']) {
      events.addEventListener(kind, ({ data }) => this.heard(String(data)));
    }
    events.addEventListener('end', ({ data }) =>
      this.closed((JSON.parse(String(data)) as { code: number }).code),
    );
    // it would try again by itself, with a ticket that is used
    events.onerror = () => {
      if (this.events === events) {
        this.closed(0);
      }
    };
  }

  private opened(transport: Transport): void {
    this.openedAt = Date.now();
    this.listener.state({ name: 'open', transport });
  }

  private heard(data: string): void {
    this.listen(SILENCE);
    this.listener.message(data);
  }

  private listen(patience: number): void {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.closed(0), patience);
  }

  private closed(code: number): void {
    const wasOpen = this.openedAt > 0;
    if (code === UNAUTHENTICATED || code === FORBIDDEN) {
      this.refuse('The key that opened this was revoked, or may not see it any more.');
      return;
    }
    if (wasOpen && Date.now() - this.openedAt > STEADY) {
      this.tries = 0;
    }
    this.later(wasOpen ? 'The connection was lost.' : 'No connection can be opened.');
  }

  private later(why: string): void {
    this.drop();
    const wait = pause(this.tries++, Math.random());
    this.listener.state({ name: 'waiting', until: Date.now() + wait, why });
    this.retry = setTimeout(() => {
      this.retry = undefined;
      void this.connect();
    }, wait);
  }

  private refuse(why: string): void {
    this.drop();
    this.listener.state({ name: 'refused', why });
  }

  private drop(): void {
    this.attempt += 1;
    clearTimeout(this.retry);
    clearTimeout(this.watch);
    this.retry = undefined;
    const { socket, events } = this;
    this.socket = this.events = undefined;
    socket?.close();
    events?.close();
  }
}
