/**
 * The server's clock, estimated: waits tick by it, not by a screen's own clock, which may be wrong
 * by minutes. Of some samples the one counts whose answer came soonest: its error is at most half
 * the time that it took.
 */

import type { Millis } from './frames';

const KEPT = 8;

interface Sample {
  offset: number;
  took: number;
}

export class ServerClock {
  private samples: Sample[] = [];
  private offset = 0;

  constructor(private readonly own: () => Millis = Date.now) {}

  now(): Millis {
    return this.own() + this.offset;
  }

  /** The server said `at` somewhere between `sent` and now, give or take `blur` milliseconds. */
  learn(at: Millis, sent: Millis, blur = 0): void {
    const received = this.own();
    const took = Math.max(0, received - sent) + blur;
    this.samples = [...this.samples, { offset: at - (sent + received) / 2, took }].slice(-KEPT);
    const best = this.samples.reduce((one, other) => (other.took < one.took ? other : one));
    this.offset = best.offset;
  }

  /** How many milliseconds it may be wrong. */
  get uncertainty(): number {
    return Math.min(...this.samples.map(({ took }) => took)) / 2;
  }
}
