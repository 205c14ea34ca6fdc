/**
 * With which chance a trace is kept, by its randomness: it is not, below `luckFrom`; it is, from `luckTo` on; between the
 * two it needs luck that has nothing to do with its randomness, such as a limiter's. Both are parts of all randomness, 0
 * to 1; where both are 0, randomness alone decides. The threshold says what all of it comes to: 1 − the chance.
 */
export interface Inclusion {
  /** In 56 bits, see model/threshold.ts. */
  thresholdHigh: number;
  thresholdLow: number;
  luckFrom: number;
  luckTo: number;
}

/** 56 bits in two numbers, as a part of 1; the lowest three get lost. */
export const fraction = (high: number, low: number): number => (high + low / 2 ** 32) / 2 ** 24;

/** The upper 24 and the lower 32 bits of a part of 1, which is below 1. */
export const highOf = (part: number): number => Math.floor(part * 2 ** 24);
export const lowOf = (part: number): number => Math.floor((part * 2 ** 24 - highOf(part)) * 2 ** 32);

/**
 * Where on a scale on which all kept traces lie evenly from the threshold to 1 a randomness or an earlier threshold `x`
 * comes to lie: what was possible between the two is pressed together as much as luck has thinned it out. It rises with
 * `x`, so that what reached an earlier threshold reaches it still.
 */
export function rescaled(x: number, { thresholdHigh, thresholdLow, luckFrom, luckTo }: Inclusion): number {
  if (x >= luckTo) return x;
  const least = fraction(thresholdHigh, thresholdLow);
  if (x <= luckFrom) return least;
  return least + ((x - luckFrom) * (luckTo - least)) / (luckTo - luckFrom);
}

/**
 * The threshold of a chance, as a part of 1, to four hex digits and one more for each leading `f`; as model/threshold.ts
 * has it, without allocating. A chance below 2^-40 counts as that.
 */
export function roundedThreshold(chance: number): number {
  const least = Math.max(2 ** -40, Math.min(1, chance));
  const unit = 16 ** -(4 + Math.floor(-Math.log2(least) / 4));
  return Math.min(1 - unit, 1 - Math.round(least / unit) * unit);
}
