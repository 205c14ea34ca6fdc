import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, undecided } from '../../src/decide/decide.ts';
import { shareOf, whereBits } from '../../src/decide/policy.ts';
import { hasVote, voteTable } from '../../src/decide/vote-table.ts';
import { firstWordBits, randomnessBit, rootBit } from '../../src/model/conditions.ts';
import type { TraceFacts } from '../../src/model/predicates.ts';
import { adjustedCount, noFloor, thresholdOf } from '../../src/model/threshold.ts';
import { byOverload, maxPolicies, type Policy, type PolicySet, type Verdict, Vote } from '../../src/model/verdict.ts';
import { factsOf } from '../support/facts.ts';
import { compiled, seedRules } from '../support/story.ts';

const setOf = (policies: readonly Policy[]): PolicySet => ({ ...compiled({}), policies, votes: voteTable(policies) });

const votesIn = ({ keepVotes, dropVotes }: Verdict): Vote[] =>
  Array.from({ length: maxPolicies }, (_, i) => {
    if (hasVote(keepVotes, 0, i)) return Vote.keep;
    return hasVote(dropVotes, 0, i) ? Vote.drop : Vote.abstain;
  });

/** Asks one policy after the other, with 56-bit numbers as such: how it reads in docs/rules.md. */
function plainly(policies: readonly Policy[], facts: TraceFacts) {
  const whole = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);
  const randomness = whole(facts.randomnessHigh, facts.randomnessLow);
  const thresholds = policies.map((policy) => whole(policy.thresholdHigh, policy.thresholdLow));
  const votes = policies.map((policy, i): Vote => {
    if ('vote' in policy) return policy.vote(facts);
    const hasBit = (bit: number) => (facts.bits[bit >>> 5] & (1 << (bit & 31))) !== 0;
    const keeps = 'bits' in policy ? policy.bits.some(hasBit) : randomness >= thresholds[i];
    return keeps ? Vote.keep : Vote.abstain;
  });
  const dropper = votes.indexOf(Vote.drop);
  let keeper = -1;
  votes.forEach((vote, i) => {
    if (vote === Vote.keep && (keeper < 0 || thresholds[i] < thresholds[keeper])) keeper = i;
  });
  const keep = dropper < 0 && keeper >= 0;
  return {
    keep,
    policy: dropper >= 0 ? dropper : keeper,
    thresholdHigh: keep ? policies[keeper].thresholdHigh : 0,
    thresholdLow: keep ? policies[keeper].thresholdLow : 0,
    votes: [...votes, ...new Array<Vote>(maxPolicies - votes.length).fill(Vote.abstain)],
  };
}

/** Few different ones, so that they often tie and a trace's randomness often stands exactly on one. */
const shares = [0, 0.001, 1, 12.5, 33.3, 50, 99.999, 100].map((percent) => {
  if (percent === 0) return whereBits('share', []);
  const { high, low } = thresholdOf(percent / 100);
  return shareOf('share', high, low);
});
const words = 3;
const bit = fc.oneof(fc.nat(firstWordBits - 1), fc.integer({ min: 32, max: words * 32 - 1 }));
const bits = fc.array(bit, { maxLength: 12 });
const policy: fc.Arbitrary<Policy> = fc.oneof(
  { weight: 4, arbitrary: bits.map((some) => whereBits('some', some)) },
  { weight: 4, arbitrary: bit.map((one) => whereBits('one', [one])) },
  { weight: 8, arbitrary: fc.constantFrom(...shares) },
  { weight: 1, arbitrary: fc.constant(shareOf('all', 0, 0)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...shares), fc.array(fc.constantFrom(0, 0, 0, 1, 2), { minLength: 3, maxLength: 3 }))
      .map(
        ([{ thresholdHigh, thresholdLow }, bySpans]): Policy => ({
          name: 'asked',
          thresholdHigh,
          thresholdLow,
          vote: ({ spans }) => bySpans[spans - 1] as Vote,
        }),
      ),
  },
);
const randomness = fc.oneof(
  fc.record({ randomnessHigh: fc.nat(0xff_ffff), randomnessLow: fc.nat(0xffff_ffff) }),
  fc.constantFrom(...shares).map((share) => ({
    randomnessHigh: share.thresholdHigh,
    randomnessLow: share.thresholdLow,
  })),
);
const facts: fc.Arbitrary<TraceFacts> = fc
  .record({
    bits: fc.oneof(bits, fc.constant([])),
    facts: fc.constantFrom(0, rootBit, randomnessBit),
    spans: fc.integer({ min: 1, max: 3 }),
    randomness,
  })
  .map((it) => {
    const set = new Int32Array(words);
    for (const one of it.bits) set[one >>> 5] |= 1 << (one & 31);
    set[0] |= it.facts;
    return factsOf({ bits: set, spans: it.spans, ...it.randomness });
  });

describe('a verdict', () => {
  it('is what asking one policy after the other says, with every vote, trace after trace', () => {
    fc.assert(
      fc.property(
        fc.array(policy, { maxLength: maxPolicies, size: 'max' }),
        fc.array(facts, { minLength: 1, maxLength: 8 }),
        (policies, traces) => {
          const set = setOf(policies);
          const verdict = undecided();
          for (const trace of traces) {
            decide(set, trace, verdict);
            const { keep, policy, thresholdHigh, thresholdLow } = verdict;
            const read = { keep, policy, thresholdHigh, thresholdLow, votes: votesIn(verdict) };
            expect(read).toEqual(plainly(policies, trace));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('asks every policy that votes for itself once about every trace, whoever won before', () => {
    const asked: number[] = [];
    const voter = (name: string, vote: Vote): Policy => ({
      name,
      thresholdHigh: 0,
      thresholdLow: 0,
      vote: ({ spans }) => {
        asked.push(spans);
        return vote;
      },
    });
    const set = setOf([
      shareOf('all', 0, 0),
      voter('no', Vote.drop),
      voter('yes', Vote.keep),
      voter('well', Vote.abstain),
    ]);
    const verdict = undecided();
    for (const spans of [1, 2]) decide(set, factsOf({ spans }), verdict);
    expect(asked).toEqual([1, 1, 1, 2, 2, 2]);
    expect(verdict).toMatchObject({ keep: false, policy: 1 });
    expect(votesIn(verdict).slice(0, 4)).toEqual([Vote.keep, Vote.drop, Vote.keep, Vote.abstain]);
  });

  it('under a floor keeps those that reach it, with its weight where theirs is smaller; errors as before', () => {
    const set = compiled({ ...seedRules, baseline_percent: 50 });
    const { conditions } = set;
    const [errorBit, slowBit] = [conditions.statusBits[2], conditions.slowBits];
    const verdict = undecided();
    const judged = (share: number, bits: number, floorShare: number) => {
      const { high, low } = thresholdOf(share);
      const trace = factsOf({ bits: Int32Array.of(bits), randomnessHigh: high, randomnessLow: low });
      decide(set, trace, verdict, floorShare === 1 ? noFloor : thresholdOf(floorShare));
      const weight = verdict.keep ? adjustedCount(verdict.thresholdHigh, verdict.thresholdLow) : 0;
      const name = verdict.policy === byOverload ? 'overload' : (set.policies[verdict.policy]?.name ?? 'none');
      return [name, weight];
    };
    expect(judged(0.25, slowBit, 1)).toEqual(['slow', 1]);
    expect(judged(0.25, slowBit, 0.25)).toEqual(['slow', 4]);
    expect(judged(0.26, slowBit, 0.25)).toEqual(['overload', 0]);
    expect(judged(0.26, errorBit, 0.25)).toEqual(['errors', 1]);
    expect(judged(0.26, errorBit | slowBit, 0.25)).toEqual(['errors', 1]);
    expect(judged(0.25, 0, 0.25)).toEqual(['baseline', 4]);
    expect(judged(0.25, 0, 0.75)).toEqual(['baseline', 2]);
    expect(judged(0.6, 0, 0.5)).toEqual(['none', 0]);
  });

  it('knows no floor where all is to be kept, and no error where a policy asks for others too', () => {
    const verdict = undecided();
    const trace = factsOf({ bits: Int32Array.of(-1) });
    decide(compiled({ ...seedRules, debug: true }), trace, verdict, thresholdOf(0.5));
    expect(verdict).toMatchObject({ keep: true, thresholdHigh: 0 });
    decide(compiled({ ...seedRules, error_status_codes: ['ERROR', 'UNSET'] }), trace, verdict, thresholdOf(0.5));
    expect(verdict).toMatchObject({ keep: false, policy: byOverload });
  });
});
