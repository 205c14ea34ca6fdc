import { fraction, highOf, lowOf } from '../model/inclusion.ts';
import type { NumberRange, PolicyState, TraceFacts, TracePredicate, TraceTest } from '../model/predicates.ts';
import { reaches, thresholdOf } from '../model/threshold.ts';
import { Chances } from './chances.ts';
import type { ConditionsBuilder } from './conditions.ts';
import { isWithin } from './number-bits.ts';
import { saltedShare } from './salted-share.ts';

/** Below this share a threshold has no room left in 56 bits; it means never. */
const smallestShare = 2 ** -50;
export const isNever = (share: number): boolean => share < smallestShare;

/** A test of a trace, with what is known of it beforehand. */
export interface CompiledTest extends TraceTest {
  /** Its chance may be anything; else it is 1 or 0, as it answers. */
  readonly varies: boolean;
  /** Asking changes nothing, so it may also be asked for its chance alone. */
  readonly isFree: boolean;
  /** Of its luck, see Chances. */
  readonly source: number;
  /** After either answer: from this randomness on, 0 to 1, nothing would have made it a yes; 1 = there is no such one. */
  readonly until: number;
  /** It asks a limiter. */
  readonly limits: boolean;
}

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
  Object.assign(test, { varies: true, isFree: false, source: 0, until: 1, limits: test.limits ?? false });

const certain = (ask: (facts: TraceFacts) => boolean): CompiledTest => ({
  thresholdHigh: 0,
  thresholdLow: 0,
  luck: 0,
  varies: false,
  isFree: true,
  source: 0,
  until: 1,
  limits: false,
  ask(facts) {
    const isSo = ask(facts);
    this.luck = isSo ? 1 : 0;
    return isSo;
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
  const common = { varies: true, isFree: true, until: 1, limits: false };
  if (salt !== undefined) {
    // What a hash of the id says has nothing to do with its last bytes.
    const luck = { thresholdHigh: 0, thresholdLow: 0, luck: part, source: sourceOf(salt) };
    return { ...common, ...luck, ask: saltedShare(part, salt) };
  }
  const { high, low } = thresholdOf(part);
  const ask = (facts: TraceFacts): boolean => reaches(facts.randomnessHigh, facts.randomnessLow, high, low);
  return { ...common, thresholdHigh: high, thresholdLow: low, luck: 1, source: 0, ask };
}

/** A number, not 0, for a salt. */
function sourceOf(salt: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < salt.length; i++) hash = Math.imul(hash ^ salt.charCodeAt(i), 0x01000193);
  return hash || 1;
}

const chanceOf = ({ thresholdHigh, thresholdLow, luck, until }: CompiledTest): number =>
  luck * Math.max(0, until - fraction(thresholdHigh, thresholdLow));

/** What is sure of a part of all randomness. */
const isSure = ({ luck }: CompiledTest): boolean => luck === 1;

/**
 * Who has a yes from some randomness on has a no below it, and the other way round; of luck, who has a yes with a chance
 * of 10 % has a no with 90 %.
 */
class Not implements CompiledTest {
  thresholdHigh = 0;
  thresholdLow = 0;
  luck = 0;
  until = 1;
  readonly varies: boolean;
  readonly isFree: boolean;
  readonly source = 0;
  readonly limits: boolean;
  readonly #test: CompiledTest;

  constructor(test: CompiledTest) {
    this.#test = test;
    this.varies = test.varies;
    this.isFree = test.isFree;
    this.limits = test.limits;
  }

  ask(facts: TraceFacts): boolean {
    const test = this.#test;
    const isSo = !test.ask(facts);
    const from = fraction(test.thresholdHigh, test.thresholdLow);
    this.thresholdHigh = this.thresholdLow = 0;
    this.until = 1;
    if (isSure(test) && from > 0 && test.until === 1) {
      this.luck = 1;
      this.until = from;
    } else if (isSure(test) && from === 0 && test.until < 1) {
      this.luck = 1;
      this.thresholdHigh = highOf(test.until);
      this.thresholdLow = lowOf(test.until);
    } else this.luck = 1 - chanceOf(test);
    return isSo;
  }
}

/** What several tests come to. */
abstract class Several implements CompiledTest {
  thresholdHigh = 0;
  thresholdLow = 0;
  luck = 0;
  until = 1;
  readonly varies: boolean;
  readonly isFree: boolean;
  source = 0;
  readonly limits: boolean;

  constructor(tests: readonly CompiledTest[]) {
    this.limits = tests.some((test) => test.limits);
    this.varies = tests.some((test) => test.varies);
    this.isFree = tests.every((test) => test.isFree);
  }

  abstract ask(facts: TraceFacts): boolean;
}

/** All say yes. Shares contain each other, so the smallest one's threshold is theirs; lucks are independent. */
class Every extends Several {
  readonly #tests: readonly CompiledTest[];

  constructor(tests: readonly CompiledTest[]) {
    super(tests);
    this.#tests = tests;
    const sources = tests.filter((test) => test.varies).map((test) => test.source);
    if (sources.length === 1) this.source = sources[0];
  }

  /** Behind a no only what changes nothing is asked, for its chance. */
  ask(facts: TraceFacts): boolean {
    this.thresholdHigh = this.thresholdLow = 0;
    this.luck = 1;
    this.until = 1;
    let isSo = true;
    for (const test of this.#tests) {
      if ((isSo || test.isFree) && !test.ask(facts)) isSo = false;
      this.luck *= test.luck;
      this.until = Math.min(this.until, test.until);
      if (this.luck === 0) return false;
      if (reaches(test.thresholdHigh, test.thresholdLow, this.thresholdHigh, this.thresholdLow)) take(this, test);
    }
    return isSo;
  }
}

/** Some says yes: all are asked, as each adds to the chance, until one is sure. */
class Some extends Several {
  readonly #tests: readonly CompiledTest[];
  readonly #chances = new Chances();

  constructor(tests: readonly CompiledTest[]) {
    super(tests);
    this.#tests = tests;
  }

  ask(facts: TraceFacts): boolean {
    let isSo = false;
    const chances = this.#chances.clear();
    this.thresholdHigh = this.thresholdLow = 0;
    this.luck = 1;
    for (const test of this.#tests) {
      if (test.ask(facts)) isSo = true;
      if (isSo && !test.varies) return true;
      chances.addTest(test);
    }
    this.luck = 0;
    this.until = 1;
    let least: CompiledTest | undefined;
    let until = 0;
    for (const test of this.#tests) {
      if (test.luck === 0) continue;
      if (least === undefined || isLower(test, least)) least = test;
      until = Math.max(until, test.until);
    }
    if (least === undefined) return isSo;
    take(this, least);
    this.until = until;
    // Where luck has no part in it, the lowest threshold says all.
    this.luck = chances.isPlain ? 1 : chances.total() / (until - fraction(this.thresholdHigh, this.thresholdLow));
    return isSo;
  }
}

/**
 * The first that holds decides. Where that is a matter of chance, what it decides with stands for the traces of its own
 * part only, and the parts are those of all that may come first.
 */
class First extends Several {
  readonly #of: readonly { readonly when: CompiledTest; readonly decides: CompiledTest }[];
  readonly #chances = new Chances();

  constructor(of: readonly { readonly when: CompiledTest; readonly decides: CompiledTest }[]) {
    super(of.flatMap(({ when, decides }) => [when, decides]));
    this.#of = of;
  }

  ask(facts: TraceFacts): boolean {
    const chances = this.#chances.clear();
    let first: CompiledTest | undefined;
    this.thresholdHigh = this.thresholdLow = this.luck = 0;
    for (const { when, decides } of this.#of) {
      if (first !== undefined && !when.isFree) continue;
      const holds = when.ask(facts);
      chances.addTest(when);
      if (holds) first ??= decides;
      if (holds && !when.varies) break;
    }
    if (first === undefined) return false;
    const isSo = first.ask(facts);
    take(this, first);
    this.until = first.until;
    this.luck = first.luck * chances.total();
    return isSo;
  }
}

const isLower = (a: TraceTest, b: TraceTest): boolean =>
  !reaches(a.thresholdHigh, a.thresholdLow, b.thresholdHigh, b.thresholdLow);

function take(to: TraceTest, { thresholdHigh, thresholdLow }: TraceTest): void {
  to.thresholdHigh = thresholdHigh;
  to.thresholdLow = thresholdLow;
}
