import { fraction, highOf, lowOf, roundedThreshold } from '../model/inclusion.ts';
import type { PolicyState, TraceFacts, TracePredicate } from '../model/predicates.ts';
import {
  type AskedPolicy,
  type BitsPolicy,
  type Policy,
  type SharePolicy,
  Vote,
  type VoteChance,
} from '../model/verdict.ts';
import type { ConditionsBuilder } from './conditions.ts';
import type { CompiledTest } from './joined-tests.ts';
import { isOfOneSpan } from './rescue.ts';
import { isNever, traceTest } from './trace-test.ts';

/** Keeps traces of which some span set one of these bits. */
export const whereBits = (name: string, bits: readonly number[]): BitsPolicy => ({
  name,
  thresholdHigh: 0,
  thresholdLow: 0,
  bits,
});

export const shareOf = (name: string, thresholdHigh: number, thresholdLow: number): SharePolicy => ({
  name,
  thresholdHigh,
  thresholdLow,
  share: true,
});

/** A policy in the cheapest form there is for what it says. */
export function policyOf(
  name: string,
  { when, drops }: { readonly when: TracePredicate; readonly drops: boolean },
  conditions: ConditionsBuilder,
  state: PolicyState,
): Policy {
  if (!drops) {
    const bits = bitsAlone(when, conditions);
    if (bits !== undefined) return whereBits(name, bits);
    if (when.op === 'always') return shareOf(name, 0, 0);
  }
  const test = traceTest(when, conditions, state);
  if (!drops && when.op === 'share' && when.salt === undefined)
    return shareOf(name, test.thresholdHigh, test.thresholdLow);
  return new Asked(name, test, drops ? Vote.drop : Vote.keep);
}

/** The bits that say all of it: some span fulfils this or that. */
function bitsAlone(when: TracePredicate, conditions: ConditionsBuilder): readonly number[] | undefined {
  if (when.op === 'never' || (when.op === 'share' && isNever(when.share))) return [];
  if (when.op === 'any') return conditions.bitsOf(when.span);
  if (when.op !== 'or' || !isOfOneSpan(when)) return undefined;
  return [...new Set(when.of.flatMap((each) => bitsAlone(each, conditions) ?? []))];
}

class Asked implements AskedPolicy {
  readonly name: string;
  thresholdHigh = 0;
  thresholdLow = 0;
  readonly drops: boolean;
  readonly isStateful: boolean;
  readonly chance?: VoteChance;
  readonly #test: CompiledTest;
  readonly #vote: Vote;

  constructor(name: string, test: CompiledTest, vote: Vote) {
    this.name = name;
    this.#test = test;
    this.#vote = vote;
    this.drops = vote === Vote.drop;
    this.isStateful = !test.isFree;
    if (test.varies) this.chance = { test, drops: this.drops, limits: test.limits };
  }

  vote(facts: TraceFacts): Vote {
    const test = this.#test;
    if (!test.ask(facts)) return Vote.abstain;
    const { thresholdHigh, thresholdLow, luck, until } = test;
    if (luck === 1 && until === 1) {
      this.thresholdHigh = thresholdHigh;
      this.thresholdLow = thresholdLow;
    } else {
      const threshold = roundedThreshold(luck * (until - fraction(thresholdHigh, thresholdLow)));
      this.thresholdHigh = highOf(threshold);
      this.thresholdLow = lowOf(threshold);
    }
    return this.#vote;
  }
}
