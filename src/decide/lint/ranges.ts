import type { NumberRange } from '../../model/predicates.ts';

/** Is every number of `a` one of `b`? */
export function isWithin(a: NumberRange, b: NumberRange): boolean {
  const low = b.min === undefined || (a.min !== undefined && above(a.min, a.minExclusive, b.min, b.minExclusive));
  const high = b.max === undefined || (a.max !== undefined && above(-a.max, a.maxExclusive, -b.max, b.maxExclusive));
  return low && high;
}

/** There is no number in it. */
export function isEmpty({ min, max, minExclusive, maxExclusive }: NumberRange): boolean {
  if (min === undefined || max === undefined) return false;
  return min > max || (min === max && (minExclusive === true || maxExclusive === true));
}

const above = (a: number, aExclusive = false, b: number, bExclusive = false): boolean =>
  a > b || (a === b && (aExclusive || !bExclusive));
