import { type AskedPolicy, type Policy, type VoteTable, voteWords } from '../model/verdict.ts';

/**
 * Which votes follow from which facts. A condition's bit means always the same votes; and as shares contain each other,
 * so does the number of them that a trace's randomness reaches. What a decision costs grows with neither, only with the
 * policies that must be asked.
 */
export function voteTable(policies: readonly Policy[]): VoteTable {
  const shares = policies.flatMap((policy, index) => ('share' in policy ? [index] : []));
  shares.sort((a, b) => compareKeepers(policies, a, b));
  const asked = policies.flatMap((policy, index) => ('vote' in policy ? [{ index, policy }] : []));
  asked.sort((a, b) => askedAt(a.policy) - askedAt(b.policy));
  const chances = asked.flatMap(({ policy: { chance } }) => chance ?? []);
  return {
    ...bitVotes(policies),
    sharesHigh: Uint32Array.from(shares, (index) => policies[index].thresholdHigh),
    sharesLow: Uint32Array.from(shares, (index) => policies[index].thresholdLow),
    byReached: reachedVotes(shares),
    largestShare: shares[0] ?? -1,
    asked,
    chances,
    dropsByLimit: chances.some(({ drops, limits }) => drops && limits),
    certain: certainVotes(policies),
  };
}

/** Those that drop first, and of them those first that ask no limiter. */
const askedAt = ({ drops, isStateful }: AskedPolicy): number => (drops ? (isStateful ? 1 : 0) : 2);

/** The better keeper first: the lower threshold (the greater chance of inclusion), then the order of policies. */
export function compareKeepers(policies: readonly Policy[], a: number, b: number): number {
  const one = policies[a];
  const other = policies[b];
  return one.thresholdHigh - other.thresholdHigh || one.thresholdLow - other.thresholdLow || a - b;
}

/** Puts policy `index` into the set of votes that starts at words[at]. */
export function addVote(words: Int32Array, at: number, index: number): void {
  words[at + (index >>> 5)] |= 1 << (index & 31);
}

export function hasVote(words: Int32Array, at: number, index: number): boolean {
  return (words[at + (index >>> 5)] & (1 << (index & 31))) !== 0;
}

function certainVotes(policies: readonly Policy[]): Int32Array {
  const certain = new Int32Array(voteWords);
  policies.forEach((policy, index) => {
    const mayVary = 'share' in policy || ('chance' in policy && policy.chance !== undefined);
    if (!mayVary) addVote(certain, 0, index);
  });
  return certain;
}

function bitVotes(policies: readonly Policy[]): Pick<VoteTable, 'bits' | 'byBit'> {
  const all = policies.flatMap((policy) => ('bits' in policy ? policy.bits : []));
  const bits = new Int32Array(all.reduce((words, bit) => Math.max(words, (bit >>> 5) + 1), 0));
  const byBit = new Int32Array(bits.length * 32 * voteWords);
  policies.forEach((policy, index) => {
    if (!('bits' in policy)) return;
    for (const bit of policy.bits) {
      bits[bit >>> 5] |= 1 << (bit & 31);
      addVote(byBit, bit * voteWords, index);
    }
  });
  return { bits, byBit };
}

function reachedVotes(shares: readonly number[]): Int32Array {
  const rows = new Int32Array((shares.length + 1) * voteWords);
  shares.forEach((index, n) => {
    const next = (n + 1) * voteWords;
    rows.copyWithin(next, next - voteWords, next);
    addVote(rows, next, index);
  });
  return rows;
}
