import type { SpanPredicate, TracePredicate, ValueTest } from '../../model/predicates.ts';
import { isEmpty, isWithin } from './ranges.ts';

type Predicate = TracePredicate | SpanPredicate;

/** Documents are strangers': beyond so many comparisons nothing more is found. */
const mostSteps = 200_000;

/**
 * What can be said of predicates by their form alone. It finds much and not all: whoever is told something can rely on
 * it.
 */
export class Implication {
  readonly #texts = new WeakMap<object, string>();
  readonly #sets = new WeakMap<readonly string[], ReadonlySet<string>>();
  #steps = 0;

  /** Whenever `a` holds, `b` does. */
  implies(a: Predicate, b: Predicate): boolean {
    if (++this.#steps > mostSteps) return false;
    if (this.same(a, b) || b.op === 'always' || a.op === 'never') return true;
    if (a.op === 'or') return a.of.every((each: Predicate) => this.implies(each, b));
    if (b.op === 'and') return b.of.every((each: Predicate) => this.implies(a, each));
    if (a.op === 'and' && a.of.some((each: Predicate) => this.implies(each, b))) return true;
    if (b.op === 'or') return b.of.some((each: Predicate) => this.implies(a, each));
    if (a.op === 'not' && b.op === 'not') return this.implies(b.of, a.of);
    return this.#atom(a, b);
  }

  /** Written otherwise perhaps, but the same tree. */
  same(a: Predicate, b: Predicate): boolean {
    return a.op === b.op && this.#text(a) === this.#text(b);
  }

  /** It cannot hold, whatever trace or span comes. */
  never(it: Predicate): boolean {
    switch (it.op) {
      case 'never':
        return true;
      case 'any':
        return this.never(it.span);
      case 'not':
        return this.always(it.of);
      case 'or':
        return it.of.every((each: Predicate) => this.never(each));
      case 'and':
        return it.of.some((each: Predicate) => this.never(each) || this.#contradicted(each, it.of));
      case 'share':
        return it.share <= 0;
      case 'duration':
      case 'traceDuration':
        return isEmpty(it.ns);
      case 'spans':
        return isEmpty(it.count);
      case 'attribute':
        return it.is.is === 'number' && isEmpty(it.is.range);
      default:
        return false;
    }
  }

  /** It holds for every trace. */
  always(it: Predicate): boolean {
    switch (it.op) {
      case 'always':
        return true;
      case 'not':
        return this.never(it.of);
      case 'or':
        return it.of.some((each: Predicate) => this.always(each));
      case 'and':
        return it.of.every((each: Predicate) => this.always(each));
      case 'share':
        return it.share >= 1;
      case 'spans':
        return isWithin({ min: 1 }, it.count);
      case 'traceDuration':
        return isWithin({ min: 0 }, it.ns);
      default:
        return false;
    }
  }

  #contradicted(one: Predicate, all: readonly Predicate[]): boolean {
    return all.some((other) => {
      if (++this.#steps > mostSteps) return false;
      if (other.op === 'not') return one !== other && this.implies(one, other.of);
      if (other.op === 'status' && one.op === 'status') return one.codes.every((code) => !other.codes.includes(code));
      return false;
    });
  }

  #atom(a: Predicate, b: Predicate): boolean {
    if (a.op === 'any' && b.op === 'any') return this.implies(a.span, b.span);
    if (a.op === 'share' && b.op === 'share') return a.salt === b.salt && a.share <= b.share;
    if (a.op === 'status' && b.op === 'status') return a.codes.every((code) => b.codes.includes(code));
    if (a.op === 'kind' && b.op === 'kind') return a.kinds.every((kind) => b.kinds.includes(kind));
    if (a.op === 'duration' && b.op === 'duration') return isWithin(a.ns, b.ns);
    if (a.op === 'traceDuration' && b.op === 'traceDuration') return isWithin(a.ns, b.ns);
    if (a.op === 'spans' && b.op === 'spans') return isWithin(a.count, b.count);
    if (a.op === 'tracestate' && b.op === 'tracestate') return a.key === b.key && this.#among(a.values, b.values);
    if (a.op === 'text' && b.op === 'text') return a.of === b.of && this.#value(a.is, b.is);
    return a.op === 'attribute' && b.op === 'attribute' && a.of === b.of && a.key === b.key && this.#value(a.is, b.is);
  }

  #value(a: ValueTest, b: ValueTest): boolean {
    if (b.is === 'present') return true;
    if (a.is === 'string' && b.is === 'string') return this.#among(a.values, b.values);
    if (a.is === 'number' && b.is === 'number') return isWithin(a.range, b.range);
    return JSON.stringify(a) === JSON.stringify(b);
  }

  /** Lists may be long, and each is compared with each. */
  #among(some: readonly string[], all: readonly string[]): boolean {
    const set = this.#sets.get(all) ?? new Set(all);
    this.#sets.set(all, set);
    return some.every((value) => ++this.#steps <= mostSteps && set.has(value));
  }

  /** What functions do not say, the text beside them does. */
  #text(it: Predicate): string {
    const known = this.#texts.get(it) ?? JSON.stringify(it);
    this.#texts.set(it, known);
    return known;
  }
}
