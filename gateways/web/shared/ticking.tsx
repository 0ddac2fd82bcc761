/**
 * Times that tick: one timer for all of them, and no rendering. Each second the texts are written
 * where they stand, so five hundred of them cost as much as a loop.
 */

import {
  createContext,
  type ReactNode,
  useContext,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { duration } from './formats';

type Tick = (now: number) => void;

export class Ticker {
  private readonly ticks = new Set<Tick>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly now: () => number) {}

  add(tick: Tick): () => void {
    this.ticks.add(tick);
    tick(this.now());
    this.timer ??= this.next();
    return () => {
      this.ticks.delete(tick);
    };
  }

  private run(): void {
    const now = this.now();
    for (const tick of this.ticks) {
      tick(now);
    }
    this.timer = this.ticks.size ? this.next() : undefined;
  }

  /** Just after the next full second of the server's clock. */
  private next(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.run(), 1_005 - (this.now() % 1_000));
  }
}

const Context = createContext(new Ticker(Date.now));

export function TickerProvider({ ticker, children }: { ticker: Ticker; children: ReactNode }) {
  return <Context value={ticker}>{children}</Context>;
}

interface Props {
  /** Epoch milliseconds of the server: counts up from `since`, or down to `until`. */
  since?: number | undefined;
  until?: number | undefined;
  className?: string | undefined;
}

export function Ticking({ since, until, className }: Props) {
  const ticker = useContext(Context);
  const ref = useRef<HTMLTimeElement>(null);
  useLayoutEffect(
    () =>
      ticker.add((now) => {
        if (ref.current) {
          ref.current.textContent = duration(
            until === undefined ? now - (since ?? now) : until - now + 999,
          );
        }
      }),
    [ticker, since, until],
  );
  return <time ref={ref} className={className} />;
}

/** What `read` makes of each second's time; renders again only when it is another value. */
export function useTicking<T extends string | number | boolean>(read: (now: number) => T): T {
  const ticker = useContext(Context);
  const latest = useRef(read);
  latest.current = read;
  const [value, setValue] = useState(() => read(ticker.now()));
  useLayoutEffect(() => ticker.add((now) => setValue(latest.current(now))), [ticker]);
  const current = read(ticker.now());
  return current === value ? value : current;
}
