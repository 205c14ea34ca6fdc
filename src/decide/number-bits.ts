import type { NumberBits } from '../model/conditions.ts';
import type { NumberRange } from '../model/predicates.ts';
import { type Mask, maskOf, setMask } from './mask.ts';

/** A question about a number: in this range, this bit. */
export interface RangeBit {
  readonly range: NumberRange;
  readonly bit: number;
}

export function isWithin(value: number, { min, max, minExclusive, maxExclusive }: NumberRange): boolean {
  if (min !== undefined && !(minExclusive ? value > min : value >= min)) return false;
  return max === undefined || (maxExclusive ? value < max : value <= max);
}

/**
 * The bits of a number. Ranges part the line at their bounds; between two bounds all numbers have the same bits, and a
 * bound may differ from both sides, so one search among sorted bounds answers any number of questions.
 */
export function numberBits(questions: readonly RangeBit[]): NumberBits {
  const bounds = [...new Set(questions.flatMap(({ range: { min, max } }) => [min, max]))]
    .filter((bound) => bound !== undefined)
    .sort((a, b) => a - b);
  const maskAt = (value: number): Mask =>
    maskOf(questions.filter((it) => isWithin(value, it.range)).map((it) => it.bit));
  // 2n stands for what lies before bounds[n], 2n + 1 for bounds[n] itself.
  const masks = bounds.flatMap((bound, n) => [maskAt(between(bounds[n - 1], bound)), maskAt(bound)]);
  masks.push(maskAt(between(bounds.at(-1), undefined)));
  return (value, wide) => (Number.isNaN(value) ? 0 : setMask(masks[placeOf(bounds, value)], wide));
}

function placeOf(bounds: readonly number[], value: number): number {
  let [from, to] = [0, bounds.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (bounds[middle] < value) from = middle + 1;
    else to = middle;
  }
  return 2 * from + (bounds[from] === value ? 1 : 0);
}

/** Some number between two neighbouring bounds; where there is none, nobody will ask for it. */
function between(below: number | undefined, above: number | undefined): number {
  if (below === undefined) return above === undefined ? 0 : Number.NEGATIVE_INFINITY;
  return above === undefined ? Number.POSITIVE_INFINITY : below + (above - below) / 2;
}
