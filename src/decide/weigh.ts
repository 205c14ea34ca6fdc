import { randomnessBit } from '../model/conditions.ts';
import { fraction, highOf, lowOf, roundedThreshold } from '../model/inclusion.ts';
import type { TraceFacts } from '../model/predicates.ts';
import { reaches, type Threshold } from '../model/threshold.ts';
import type { Verdict, VoteTable } from '../model/verdict.ts';
import { Chances } from './chances.ts';

const chances = new Chances();

/** Randomness alone decided. */
export function withoutLuck(verdict: Verdict): void {
  verdict.luckFrom = verdict.luckTo = verdict.randomnessLow = 0;
  verdict.randomnessHigh = -1;
  verdict.erasesThreshold = false;
}

/**
 * What a kept trace stands for where luck may have had a part in it: its threshold is that of the chance that all
 * policies together gave it. What luck has kept is not spread evenly over the randomness above that, so the trace is
 * given one that is, and later stages and readers find it consistent; but randomness that the trace has of its own
 * belongs to it, and where it contradicts the threshold there can be none.
 * See docs/decisions/0012-weights.md.
 */
export function weigh(votes: VoteTable, facts: TraceFacts, verdict: Verdict, floor: Threshold): void {
  const isSure = verdict.thresholdHigh === 0 && verdict.thresholdLow === 0;
  gather(votes, isSure);
  if (chances.isPlain) return;
  const total = chances.total(fraction(floor.high, floor.low));
  const threshold = roundedThreshold(total);
  verdict.thresholdHigh = highOf(threshold);
  verdict.thresholdLow = lowOf(threshold);
  verdict.luckFrom = chances.from;
  verdict.luckTo = chances.sureFrom;
  const { randomnessHigh, randomnessLow } = facts;
  const randomness = fraction(randomnessHigh, randomnessLow);
  if (randomness >= chances.sureFrom) return;
  if ((facts.bits[0] & randomnessBit) !== 0) {
    verdict.erasesThreshold = !reaches(randomnessHigh, randomnessLow, verdict.thresholdHigh, verdict.thresholdLow);
    return;
  }
  const even = Math.min(1 - 2 ** -53, Math.max(threshold, 1 - chances.total(randomness)));
  verdict.randomnessHigh = highOf(even);
  verdict.randomnessLow = lowOf(even);
}

function gather(votes: VoteTable, isSure: boolean): void {
  chances.clear();
  if (isSure) chances.add(0, 1);
  if (votes.largestShare >= 0) chances.add(fraction(votes.sharesHigh[0], votes.sharesLow[0]), 1);
  for (const { test, drops } of votes.chances) if (drops || !isSure) chances.addTest(test, drops);
}
