import type { Histogram } from './stats.ts';

/** Empty; `bounds` rise. */
export const histogram = (bounds: readonly number[]): Histogram => ({
  bounds,
  counts: new Array(bounds.length + 1).fill(0),
  sum: 0,
});

export function observe(into: Histogram, value: number): void {
  const { bounds } = into;
  let i = 0;
  while (i < bounds.length && value > bounds[i]) i++;
  into.counts[i]++;
  into.sum += value;
}
