import type { NumberRange, PolicyState, TraceFacts, TracePredicate, TraceTest } from '../model/predicates.ts';
import { reaches, type Threshold, thresholdOf } from '../model/threshold.ts';
import type { ConditionsBuilder } from './conditions.ts';
import { isWithin } from './number-bits.ts';
import { saltedShare } from './salted-share.ts';

/** Below this share a threshold has no room left in 56 bits; it means never. */
const smallestShare = 2 ** -50;
export const isNever = (share: number): boolean => share < smallestShare;

/** A test of a trace, and the chance of its yes where that is always the same. */
interface Compiled extends TraceTest {
  /** 1 = it is no matter of chance. */
  readonly chance: number;
}

/** A trace predicate as a test; what it asks of spans goes to `conditions`. */
export function traceTest(predicate: TracePredicate, conditions: ConditionsBuilder, state: PolicyState): Compiled {
  const compile = (each: TracePredicate): Compiled => traceTest(each, conditions, state);
  switch (predicate.op) {
    case 'always':
      return certain(() => true);
    case 'never':
      return certain(() => false);
    case 'any':
      return certain(hasAny(conditions.bitsOf(predicate.span)));
    case 'traceDuration':
      conditions.askTimes();
      return certain(within(predicate.ns, (facts) => facts.durationNs));
    case 'spans':
      return certain(within(predicate.count, (facts) => facts.spans));
    case 'share':
      return share(predicate.share, predicate.salt);
    case 'stateful':
      return Object.assign(predicate.open(state), { chance: 1 });
    case 'not':
      return not(compile(predicate.of));
    case 'and':
      return new Every(predicate.of.map(compile));
    case 'or':
      return new Some(predicate.of.map(compile));
  }
}

const certain = (ask: (facts: TraceFacts) => boolean): Compiled => ({
  ask,
  thresholdHigh: 0,
  thresholdLow: 0,
  chance: 1,
});

function hasAny(bits: readonly number[]): (facts: TraceFacts) => boolean {
  const [first, ...others] = bits.map((bit) => [bit >>> 5, 1 << (bit & 31)] as const);
  if (first === undefined) return () => false;
  const [word, mask] = first;
  if (others.length === 0) return (facts) => (facts.bits[word] & mask) !== 0;
  return ({ bits }) => (bits[word] & mask) !== 0 || others.some(([at, bit]) => (bits[at] & bit) !== 0);
}

const within = (range: NumberRange, numberOf: (facts: TraceFacts) => number) => (facts: TraceFacts) =>
  isWithin(numberOf(facts), range);

function share(part: number, salt: string | undefined): Compiled {
  if (isNever(part)) return certain(() => false);
  const { high, low } = thresholdOf(part);
  const ask =
    salt === undefined
      ? (facts: TraceFacts) => reaches(facts.randomnessHigh, facts.randomnessLow, high, low)
      : saltedShare(part, salt);
  return { ask, thresholdHigh: high, thresholdLow: low, chance: part };
}

/** Who has a yes with a chance of 10 % has a no with 90 %. */
function not(test: Compiled): Compiled {
  const chance = test.chance === 1 ? 1 : 1 - test.chance;
  const { high, low }: Pick<Threshold, 'high' | 'low'> = thresholdOf(Math.max(smallestShare, chance));
  return { ask: (facts) => !test.ask(facts), thresholdHigh: high, thresholdLow: low, chance };
}

/** All say yes: that has the chance of the least likely. Shares contain each other, so theirs is exact. */
class Every implements Compiled {
  thresholdHigh = 0;
  thresholdLow = 0;
  readonly chance: number;
  readonly #tests: readonly Compiled[];

  constructor(tests: readonly Compiled[]) {
    this.#tests = tests;
    this.chance = Math.min(1, ...tests.map((test) => test.chance));
  }

  ask(facts: TraceFacts): boolean {
    this.thresholdHigh = 0;
    this.thresholdLow = 0;
    for (const test of this.#tests) {
      if (!test.ask(facts)) return false;
      if (reaches(test.thresholdHigh, test.thresholdLow, this.thresholdHigh, this.thresholdLow)) take(this, test);
    }
    return true;
  }
}

/** Some says yes: all are asked, since the most likely of them says with what chance. */
class Some implements Compiled {
  thresholdHigh = 0;
  thresholdLow = 0;
  readonly chance: number;
  readonly #tests: readonly Compiled[];

  constructor(tests: readonly Compiled[]) {
    this.#tests = tests;
    this.chance = Math.max(0, ...tests.map((test) => test.chance));
  }

  ask(facts: TraceFacts): boolean {
    let isSo = false;
    for (const test of this.#tests) {
      if (!test.ask(facts)) continue;
      if (!isSo || reaches(this.thresholdHigh, this.thresholdLow, test.thresholdHigh, test.thresholdLow))
        take(this, test);
      isSo = true;
    }
    return isSo;
  }
}

function take(to: TraceTest, { thresholdHigh, thresholdLow }: TraceTest): void {
  to.thresholdHigh = thresholdHigh;
  to.thresholdLow = thresholdLow;
}
