import { randomnessBit } from '../model/conditions.ts';
import { fraction, highOf, lowOf, roundedThreshold } from '../model/inclusion.ts';
import type { TraceFacts } from '../model/predicates.ts';
import { reaches, type Threshold } from '../model/threshold.ts';
import { type Verdict, type VoteTable, voteWords } from '../model/verdict.ts';
import { Chances } from './chances.ts';
import { offered } from './rates/limiter.ts';

const chances = new Chances();

/** Randomness alone decided. */
export function withoutLuck(verdict: Verdict): void {
  verdict.luckFrom = verdict.luckTo = verdict.randomnessLow = 0;
  verdict.randomnessHigh = -1;
  verdict.erasesThreshold = false;
}

/**
 * What a kept trace stands for where luck may have had a part in it: its threshold is that of the chance that all
 * policies together gave it, given what came before; and where it was kept by nothing but limiters, it stands for some
 * of what they owe. What luck has kept is not spread evenly over the randomness above that, so the trace is given one
 * that is, and later stages and readers find it consistent; but randomness that the trace has of its own belongs to it,
 * and where it contradicts the threshold there can be none. See docs/decisions/0012-weights.md.
 * False where the threshold stays the winner's, to which the floor is still to be applied.
 */
export function weigh(votes: VoteTable, facts: TraceFacts, verdict: Verdict, floor: Threshold): boolean {
  if (!verdict.keep && offered.count === 0) return false;
  const isBacked = gather(votes, verdict.keepVotes);
  const least = fraction(floor.high, floor.low);
  if (!verdict.keep) {
    if (chances.total(least) === 0) offered.owe();
    return false;
  }
  const others = offered.count > 0 && (!isBacked || votes.dropsByLimit) ? offered.pay() : 0;
  if (chances.isPlain && others === 0) return false;
  // What limiters owe was refused whatever the floor was: the floor weighs this trace alone.
  const owed = others === 0 ? 0 : others / chances.total();
  const alone = chances.total(least);
  const standing = 1 / (1 + owed * alone);
  const threshold = roundedThreshold(alone * standing);
  verdict.thresholdHigh = highOf(threshold);
  verdict.thresholdLow = lowOf(threshold);
  verdict.luckFrom = chances.from;
  verdict.luckTo = others > 0 ? 1 : chances.sureFrom;
  const { randomnessHigh, randomnessLow } = facts;
  const randomness = fraction(randomnessHigh, randomnessLow);
  if (randomness >= verdict.luckTo) return true;
  if ((facts.bits[0] & randomnessBit) !== 0) {
    verdict.erasesThreshold = !reaches(randomnessHigh, randomnessLow, verdict.thresholdHigh, verdict.thresholdLow);
    return true;
  }
  const even = 1 - chances.total(Math.max(least, randomness)) * standing;
  const written = Math.min(1 - 2 ** -53, Math.max(threshold, even));
  verdict.randomnessHigh = highOf(written);
  verdict.randomnessLow = lowOf(written);
  return true;
}

/** Gathers all chances; whether some of them is no limiter's, so that it would keep some of what limiters refuse. */
function gather(votes: VoteTable, keepVotes: Int32Array): boolean {
  chances.clear();
  let isBacked = votes.largestShare >= 0;
  for (let word = 0; word < voteWords; word++) {
    if ((keepVotes[word] & votes.certain[word]) === 0) continue;
    isBacked = true;
    chances.add(0, 1);
    break;
  }
  if (votes.largestShare >= 0) chances.add(fraction(votes.sharesHigh[0], votes.sharesLow[0]), 1);
  for (const { test, drops, limits } of votes.chances) if (!drops && !limits && test.luck > 0) isBacked = true;
  // Where limiters alone could keep it, what one part of them refuses is owed by that part.
  for (const { test, drops } of votes.chances) chances.addTest(test, drops, isBacked);
  return isBacked;
}
