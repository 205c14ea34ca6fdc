import { fraction, highOf, lowOf } from '../model/inclusion.ts';
import type { TraceFacts, TraceTest } from '../model/predicates.ts';
import { reaches } from '../model/threshold.ts';
import { Chances } from './chances.ts';
import { FirstParts } from './first-parts.ts';

/** A test of a trace, with what is known of it beforehand. */
export interface CompiledTest extends TraceTest {
  /** Its chance may be anything; else it is 1 or 0, as it answers. */
  readonly varies: boolean;
  /** Asking changes nothing, so it may also be asked for its chance alone; others are peeked at for that. */
  readonly isFree: boolean;
  peek(facts: TraceFacts): void;
  /** Of its luck, and which end of it, see Chances. */
  readonly source: number;
  readonly isUpper: boolean;
  /** After either answer: from this randomness on, 0 to 1, nothing would have made it a yes; 1 = there is no such one. */
  readonly until: number;
  /** It asks a limiter. */
  readonly limits: boolean;
}

/** Asks what may be asked; of what is not, the chance alone is of interest, and the answer is no. */
function answer(test: CompiledTest, facts: TraceFacts, isAsked: boolean): boolean {
  if (isAsked || test.isFree) return test.ask(facts);
  test.peek(facts);
  return false;
}

/** What other tests come to. */
abstract class Joined implements CompiledTest {
  thresholdHigh = 0;
  thresholdLow = 0;
  luck = 0;
  until = 1;
  readonly varies: boolean;
  readonly isFree: boolean;
  source = 0;
  isUpper = false;
  readonly limits: boolean;

  constructor(tests: readonly CompiledTest[]) {
    this.limits = tests.some((test) => test.limits);
    this.varies = tests.some((test) => test.varies);
    this.isFree = tests.every((test) => test.isFree);
  }

  ask(facts: TraceFacts): boolean {
    return this.answer(facts, true);
  }

  peek(facts: TraceFacts): void {
    this.answer(facts, false);
  }

  protected abstract answer(facts: TraceFacts, isAsked: boolean): boolean;
}

const chanceOf = ({ thresholdHigh, thresholdLow, luck, until }: CompiledTest): number =>
  luck * Math.max(0, until - fraction(thresholdHigh, thresholdLow));

/** What is sure of a part of all randomness. */
const isSure = ({ luck }: CompiledTest): boolean => luck === 1;

/**
 * Who has a yes from some randomness on has a no below it, and the other way round; of luck, who has a yes with a chance
 * of 10 % has a no with 90 %, at the other end of its source.
 */
export class Not extends Joined {
  readonly #test: CompiledTest;

  constructor(test: CompiledTest) {
    super([test]);
    this.#test = test;
  }

  protected answer(facts: TraceFacts, isAsked: boolean): boolean {
    const test = this.#test;
    const isSo = !answer(test, facts, isAsked);
    const from = fraction(test.thresholdHigh, test.thresholdLow);
    this.thresholdHigh = this.thresholdLow = 0;
    this.until = 1;
    this.source = 0;
    this.isUpper = false;
    if (isSure(test) && from > 0 && test.until === 1) {
      this.luck = 1;
      this.until = from;
    } else if (isSure(test) && from === 0 && test.until < 1) {
      this.luck = 1;
      this.thresholdHigh = highOf(test.until);
      this.thresholdLow = lowOf(test.until);
    } else {
      this.luck = 1 - chanceOf(test);
      if (test.source !== 0 && from === 0 && test.until === 1) {
        this.source = test.source;
        this.isUpper = !test.isUpper;
      }
    }
    return isSo;
  }
}

/**
 * All say yes. Shares contain each other, so the smallest one's threshold is theirs; so do lucks of one source, of which
 * those of its upper end meet those of its lower one where they come to more than all; others are independent.
 */
export class Every extends Joined {
  readonly #tests: readonly CompiledTest[];

  constructor(tests: readonly CompiledTest[]) {
    super(tests);
    this.#tests = tests;
  }

  /** Behind a no only what changes nothing is asked, and others are peeked at, for their chance. */
  protected answer(facts: TraceFacts, isAsked: boolean): boolean {
    this.thresholdHigh = this.thresholdLow = this.source = 0;
    this.luck = 1;
    this.until = 1;
    this.isUpper = false;
    let isSo = isAsked;
    let only: CompiledTest | undefined;
    let isMixed = false;
    for (let i = 0; i < this.#tests.length; i++) {
      const test = this.#tests[i];
      if (!answer(test, facts, isSo)) isSo = false;
      this.luck *= test.source === 0 ? test.luck : this.#givenItsKin(i);
      this.until = Math.min(this.until, test.until);
      if (this.luck === 0) return false;
      if (reaches(test.thresholdHigh, test.thresholdLow, this.thresholdHigh, this.thresholdLow)) take(this, test);
      if (test.luck === 1) continue;
      only ??= test;
      isMixed ||= test.source !== only.source || test.isUpper !== only.isUpper;
    }
    if (only !== undefined && !isMixed) {
      this.source = only.source;
      this.isUpper = only.isUpper;
    }
    return isSo;
  }

  /** The chance of a test, given that those before it of its source say yes. */
  #givenItsKin(at: number): number {
    const { source, isUpper, luck } = this.#tests[at];
    let lower = 1;
    let upper = 1;
    for (let i = 0; i < at; i++) {
      const test = this.#tests[i];
      if (test.source !== source) continue;
      if (test.isUpper) upper = Math.min(upper, test.luck);
      else lower = Math.min(lower, test.luck);
    }
    const before = lower + upper - 1;
    const both = isUpper ? lower + Math.min(upper, luck) - 1 : Math.min(lower, luck) + upper - 1;
    return Math.max(0, both) / before;
  }
}

/** Some says yes: all are asked, as each adds to the chance, until one is sure. */
export class Some extends Joined {
  readonly #tests: readonly CompiledTest[];
  readonly #chances = new Chances();

  constructor(tests: readonly CompiledTest[]) {
    super(tests);
    this.#tests = tests;
  }

  protected answer(facts: TraceFacts, isAsked: boolean): boolean {
    let isSo = false;
    const chances = this.#chances.clear();
    this.thresholdHigh = this.thresholdLow = 0;
    this.luck = 1;
    this.until = 1;
    for (const test of this.#tests) {
      const says = answer(test, facts, isAsked);
      if (says && !test.varies) return true;
      isSo ||= says;
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
export class First extends Joined {
  readonly #of: readonly { readonly when: CompiledTest; readonly decides: CompiledTest }[];
  readonly #chances = new Chances();
  readonly parts: FirstParts | undefined;

  constructor(of: readonly { readonly when: CompiledTest; readonly decides: CompiledTest }[]) {
    super(of.flatMap(({ when, decides }) => [when, decides]));
    this.#of = of;
    // What takes something when it is asked has a chance that is not known beforehand.
    if (of.every(({ when }) => when.isFree) && of.some(({ when }) => when.varies)) this.parts = new FirstParts();
  }

  protected answer(facts: TraceFacts, isAsked: boolean): boolean {
    const chances = this.#chances.clear();
    let first: CompiledTest | undefined;
    this.thresholdHigh = this.thresholdLow = this.luck = 0;
    this.until = 1;
    const { parts } = this;
    parts?.clear();
    for (const { when, decides } of this.#of) {
      if (first !== undefined && !when.isFree) continue;
      const holds = answer(when, facts, isAsked);
      chances.addTest(when);
      if (parts !== undefined && when.luck > 0) {
        // Before any of them takes something.
        decides.peek(facts);
        parts.add(when, decides.luck);
      }
      if (holds) first ??= decides;
      if (holds && !when.varies) break;
    }
    parts?.reckon();
    if (first === undefined) return false;
    const isSo = answer(first, facts, isAsked);
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
