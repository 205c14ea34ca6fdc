import type { NumberRange, PolicyState, TraceFacts, TracePredicate, TraceTest } from '../model/predicates.ts';
import { reaches, thresholdOf } from '../model/threshold.ts';
import { fnv1aOfText } from '../tables/fnv.ts';
import type { ConditionsBuilder } from './conditions.ts';
import { type CompiledTest, Every, First, Not, Some } from './joined-tests.ts';
import { isWithin } from './number-bits.ts';
import { saltedShare } from './salted-share.ts';

/** Below this share a threshold has no room left in 56 bits; it means never. */
const smallestShare = 2 ** -50;
export const isNever = (share: number): boolean => share < smallestShare;

/** A trace predicate as a test; what it asks of spans goes to `conditions`. */
export function traceTest(predicate: TracePredicate, conditions: ConditionsBuilder, state: PolicyState): CompiledTest {
  const compile = (each: TracePredicate): CompiledTest => traceTest(each, conditions, state);
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
      return stateful(predicate.open(state));
    case 'first':
      return new First(predicate.of.map(({ when, decides }) => ({ when: compile(when), decides: compile(decides) })));
    case 'not':
      return new Not(compile(predicate.of));
    case 'and':
      return new Every(predicate.of.map(compile));
    case 'or':
      return new Some(predicate.of.map(compile));
  }
}

const stateful = (test: TraceTest): CompiledTest =>
  Object.assign(test, {
    ...{ varies: true, isFree: false, source: 0, isUpper: false, until: 1, limits: test.limits ?? false },
    peek: test.peek ?? ((facts: TraceFacts) => void test.ask(facts)),
  });

const certain = (ask: (facts: TraceFacts) => boolean): CompiledTest => ({
  thresholdHigh: 0,
  thresholdLow: 0,
  luck: 0,
  varies: false,
  isFree: true,
  source: 0,
  isUpper: false,
  until: 1,
  limits: false,
  ask(facts) {
    const isSo = ask(facts);
    this.luck = isSo ? 1 : 0;
    return isSo;
  },
  peek(facts) {
    this.ask(facts);
  },
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

function share(part: number, salt: string | undefined): CompiledTest {
  if (isNever(part)) return certain(() => false);
  const common = { varies: true, isFree: true, isUpper: false, until: 1, limits: false, peek: () => {} };
  if (salt !== undefined) {
    // What a hash of the id says has nothing to do with its last bytes.
    const luck = { thresholdHigh: 0, thresholdLow: 0, luck: part, source: fnv1aOfText(salt) || 1 };
    return { ...common, ...luck, ask: saltedShare(part, salt) };
  }
  const { high, low } = thresholdOf(part);
  const ask = (facts: TraceFacts): boolean => reaches(facts.randomnessHigh, facts.randomnessLow, high, low);
  return { ...common, thresholdHigh: high, thresholdLow: low, luck: 1, source: 0, ask };
}
