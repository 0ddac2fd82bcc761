import { describe, expect, it } from 'vitest';
import { pause } from './backoff';
import { LatencyMeter } from './latency';
import { ServerClock } from './serverClock';

describe("the server's clock", () => {
  it('is found by the answer that came soonest', () => {
    let own = 1_000;
    const clock = new ServerClock(() => own);
    expect(clock.uncertainty).toBe(Number.POSITIVE_INFINITY);
    own = 1_400;
    clock.learn(61_000, 1_000); // 400 ms on the way, most of them back
    own = 1_520;
    clock.learn(61_510, 1_500);
    expect(clock.now()).toBe(61_520);
    expect(clock.uncertainty).toBe(10);
    own = 2_520;
    expect(clock.now()).toBe(62_520);
  });

  it('is only roughly known from whole seconds', () => {
    const clock = new ServerClock(() => 10_000);
    clock.learn(20_500, 9_990, 1_000);
    expect(clock.uncertainty).toBeGreaterThan(500);
    clock.learn(20_100, 9_980);
    expect(clock.now()).toBe(20_110);
  });
});

describe('a pause before another try', () => {
  it('grows, has a bound, and is not the same for all', () => {
    expect(pause(0, 0)).toBe(250);
    expect(pause(0, 0.99)).toBeLessThanOrEqual(500);
    expect(pause(3, 0)).toBe(2_000);
    expect(pause(99, 1)).toBe(15_000);
  });
});

describe('latency', () => {
  it('is said of the last samples, and of none there are none', () => {
    const meter = new LatencyMeter();
    expect(meter.read()).toBeUndefined();
    for (let sample = 1; sample <= 1_000; sample += 1) {
      meter.add(sample);
    }
    expect(meter.read()).toEqual({ p50: 881, p99: 998, count: 240 });
  });
});
