import { everyExporter } from '../model/destinations.ts';
import type { TraceFacts } from '../model/predicates.ts';
import { noFloor, reaches, type Threshold } from '../model/threshold.ts';
import {
  type Ballot,
  byOverload,
  type Policy,
  type PolicySet,
  type Verdict,
  Vote,
  type VoteTable,
  voteWords,
} from '../model/verdict.ts';
import { exportersOf } from './destinations.ts';
import { offered } from './rates/limiter.ts';
import { addVote, compareKeepers } from './vote-table.ts';
import { weigh, withoutLuck } from './weigh.ts';

export const undecided = (): Verdict => ({
  keep: false,
  policy: -1,
  thresholdHigh: 0,
  thresholdLow: 0,
  luckFrom: 0,
  luckTo: 0,
  randomnessHigh: -1,
  randomnessLow: 0,
  erasesThreshold: false,
  exporters: everyExporter,
  keepVotes: new Int32Array(voteWords),
  dropVotes: new Int32Array(voteWords),
  shadowKeepVotes: new Int32Array(voteWords),
  shadowDropVotes: new Int32Array(voteWords),
});

/**
 * Judges a trace: any drop vote wins; else any keep; else dropped. Of several keeping policies the one with the
 * smallest threshold (the greatest chance of inclusion) wins, then the first in order; the threshold of the verdict is
 * that of all of them together. Every policy votes, so that every vote can be explained. `floor`: under overload what is
 * kept must reach this threshold too, and then carries it where its own is smaller; traces with an error excepted, and all
 * of them where `debug` wants all.
 */
export function decide(set: PolicySet, facts: TraceFacts, verdict: Verdict, floor = noFloor): void {
  const { policies, shadow } = set;
  offered.clear();
  const keeper = collectVotes(set, facts, verdict.keepVotes, verdict.dropVotes);
  const dropper = firstOf(verdict.dropVotes);
  verdict.keep = dropper < 0 && keeper >= 0;
  verdict.policy = dropper >= 0 ? dropper : keeper;
  verdict.thresholdHigh = verdict.keep ? policies[keeper].thresholdHigh : 0;
  verdict.thresholdLow = verdict.keep ? policies[keeper].thresholdLow : 0;
  withoutLuck(verdict);
  const bounded = floor !== noFloor && verdict.keep && !set.debug && !hasError(set, facts) ? floor : noFloor;
  if (!reaches(facts.randomnessHigh, facts.randomnessLow, bounded.high, bounded.low)) dropForOverload(verdict);
  const isWeighed = set.votes.chances.length > 0 && weigh(set.votes, facts, verdict, bounded);
  if (verdict.keep && !isWeighed) raise(verdict, bounded);
  offered.clear();
  if (shadow.policies.length > 0) collectVotes(shadow, facts, verdict.shadowKeepVotes, verdict.shadowDropVotes);
  else clear(verdict.shadowKeepVotes, verdict.shadowDropVotes);
  verdict.exporters = exportersOf(set.destinations, facts);
}

/** Every policy's vote; the best keeper, or -1. */
function collectVotes(
  { policies, votes }: Ballot,
  facts: TraceFacts,
  keepVotes: Int32Array,
  dropVotes: Int32Array,
): number {
  clear(keepVotes, dropVotes);
  for (let word = 0; word < votes.bits.length; word++) {
    for (let bits = facts.bits[word] & votes.bits[word]; bits !== 0; bits &= bits - 1)
      addRow(keepVotes, votes.byBit, word * 32 + lowest(bits));
  }
  let keeper = firstOf(keepVotes);
  const reached = sharesReached(votes, facts);
  if (reached > 0) {
    addRow(keepVotes, votes.byReached, reached);
    keeper = better(policies, keeper, votes.largestShare);
  }
  let isDropped = false;
  for (const { index, policy } of votes.asked) {
    // What is dropped whatever they say takes nothing from limiters, and is nothing that they have seen.
    if (isDropped && policy.isStateful) continue;
    const vote = policy.vote(facts);
    if (vote === Vote.drop) {
      addVote(dropVotes, 0, index);
      isDropped ||= !policy.isStateful;
    } else if (vote === Vote.keep) {
      addVote(keepVotes, 0, index);
      keeper = better(policies, keeper, index);
    }
  }
  return keeper;
}

function clear(keepVotes: Int32Array, dropVotes: Int32Array): void {
  // Calling fill() would take longer than all the rest.
  for (let word = 0; word < voteWords; word++) keepVotes[word] = dropVotes[word] = 0;
}

/** Did a span say ERROR? Known where a policy asks for that and nothing else. */
function hasError({ conditions: { statusBits } }: PolicySet, { bits }: TraceFacts): boolean {
  const [unset, ok, error] = statusBits;
  return (bits[0] & error & ~(unset | ok)) !== 0;
}

/** There is too much to keep, and its randomness does not reach the floor. */
function dropForOverload(verdict: Verdict): void {
  verdict.keep = false;
  verdict.policy = byOverload;
  verdict.thresholdHigh = verdict.thresholdLow = 0;
}

/** What reached the floor carries it, where its own threshold is lower. */
function raise(verdict: Verdict, { high, low }: Threshold): void {
  if (reaches(verdict.thresholdHigh, verdict.thresholdLow, high, low)) return;
  verdict.thresholdHigh = high;
  verdict.thresholdLow = low;
}

/** How many of the rising thresholds the trace's randomness reaches: they are the first ones. */
function sharesReached({ sharesHigh, sharesLow }: VoteTable, { randomnessHigh, randomnessLow }: TraceFacts): number {
  let from = 0;
  let to = sharesHigh.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (reaches(randomnessHigh, randomnessLow, sharesHigh[middle], sharesLow[middle])) from = middle + 1;
    else to = middle;
  }
  return from;
}

function addRow(votes: Int32Array, rows: Int32Array, row: number): void {
  for (let word = 0; word < voteWords; word++) votes[word] |= rows[row * voteWords + word];
}

/** The first policy in a set of votes, or -1. */
function firstOf(votes: Int32Array): number {
  for (let word = 0; word < voteWords; word++) if (votes[word] !== 0) return word * 32 + lowest(votes[word]);
  return -1;
}

const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits);

/** Of two keepers the better one; -1 is nobody. */
function better(policies: readonly Policy[], a: number, b: number): number {
  if (a < 0 || b < 0) return Math.max(a, b);
  return compareKeepers(policies, a, b) < 0 ? a : b;
}
