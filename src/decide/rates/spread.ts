/** Halvings of the interval in which the factor lies: more than doubles can tell apart. */
const steps = 60;

/**
 * Spreads `goal` over keys of which `counts` units are expected (each above 0): part i is min(count i, f · w i) with
 * w i = log(1 + count i) and the one factor f for which the parts come to the goal; all of it where the goal is larger
 * than all there is. So a key's part grows with the logarithm of its traffic, as dynsampler-go has it, and what the rare
 * ones leave goes to the others; and the chances min(1, f · w / count) are those of a weighted reservoir: an item of
 * weight w is in it when w / (1 − r) exceeds the threshold 1 / f, r being its randomness (Duffield, Lund and Thorup,
 * "Priority sampling for estimation of arbitrary subset sums", 2007).
 */
export function spread(counts: readonly number[], goal: number): number[] {
  const sum = counts.reduce((a, b) => a + b, 0);
  if (sum <= goal) return [...counts];
  const weights = counts.map((count) => Math.log1p(count));
  const at = (factor: number): number =>
    counts.reduce((taken, count, i) => taken + Math.min(count, factor * weights[i]), 0);
  let low = 0;
  let high = counts.reduce((most, count, i) => Math.max(most, count / weights[i]), 0);
  for (let step = 0; step < steps; step++) {
    const middle = (low + high) / 2;
    if (at(middle) < goal) low = middle;
    else high = middle;
  }
  return counts.map((count, i) => Math.min(count, low * weights[i]));
}
