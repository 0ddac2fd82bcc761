/** From a fact's commit to its pixels: the last samples and their percentiles. */

const KEPT = 240;

export interface Latency {
  p50: number;
  p99: number;
  count: number;
}

export class LatencyMeter {
  private samples: number[] = [];

  add(milliseconds: number): void {
    this.samples.push(Math.max(0, milliseconds));
    if (this.samples.length > KEPT) {
      this.samples.shift();
    }
  }

  read(): Latency | undefined {
    if (this.samples.length === 0) {
      return undefined;
    }
    const sorted = [...this.samples].sort((one, other) => one - other);
    return { p50: at(sorted, 0.5), p99: at(sorted, 0.99), count: sorted.length };
  }
}

function at(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
