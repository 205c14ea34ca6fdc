import type { Histogram } from '../model/stats.ts';

/** Seconds; the goal is a hundredth at the 99th percentile. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const histogram = (): Histogram => ({ bounds, counts: new Array(bounds.length + 1).fill(0), sum: 0 });

export function observe(into: Histogram, value: number): void {
  let i = 0;
  while (i < bounds.length && value > bounds[i]) i++;
  into.counts[i]++;
  into.sum += value;
}
