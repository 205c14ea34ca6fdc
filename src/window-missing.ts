import { systemClock } from './clock.ts';
import type { Explanation } from './model/explanation.ts';

/** This moment, in Unix milliseconds, as the time of a decision is told. */
export const askedNow = (): number => systemClock.unixMs();

/**
 * How many of the spans that a trace was decided by are not among the `found` ones: the window missed them, or has them
 * no more. 0 where nobody knows: it waits, its decision is forgotten, or was made after `askedAt`, when its
 * spans were asked for. Late spans are not counted.
 */
export function missingSpans(decided: Explanation | undefined, found: number, askedAt: number): number {
  if (decided === undefined || decided.verdict === 'waiting' || decided.decidedAt >= askedAt) return 0;
  return Math.max(0, decided.spans - found);
}
