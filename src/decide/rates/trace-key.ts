import type { KeyOptions, SpanPlace, TraceFacts, TraceKeys } from '../../model/predicates.ts';
import { mixed, SpanKey } from './span-key.ts';

/** What is read of a trace for its key: so many spans, so many different values. */
export const mostKeySpans = 64;
export const mostKeyValues = 128;

/** The key that a sum of values makes; never 0. */
export const keyOfSum = (sum: number): number => mixed(sum, 0x5bd1e995) || 1;

/**
 * The key of a trace in 32 bits, by what its spans say: the same for the same set of values, in whatever order the spans
 * came. It reads the bytes of the first 64 spans; other keys with the same 32 bits, one in four billion, are taken for the
 * same.
 */
export class TraceKey implements TraceKeys {
  readonly #span: SpanKey;
  readonly #isRootOnly: boolean;
  readonly #seen = new Int32Array(mostKeyValues);
  readonly #visit: (span: SpanPlace) => boolean;
  #seenCount = 0;
  #sum = 0;
  #spans = 0;

  /** `seed` differs between processes, and is the same where keys are compared. */
  constructor(options: KeyOptions, seed: number) {
    this.#span = new SpanKey(options, seed);
    this.#isRootOnly = options.from === 'root';
    this.#visit = (span) => this.#add(span);
  }

  of({ trace }: TraceFacts): number {
    this.#seenCount = this.#sum = this.#spans = 0;
    trace.forEach(this.#visit);
    this.#span.forget();
    return keyOfSum(this.#sum);
  }

  #add(place: SpanPlace): boolean {
    const span = this.#span;
    span.read(place);
    this.#spans++;
    if (this.#isRootOnly) return this.#addOne();
    for (let i = 0; i < span.values.length; i++) this.#count(span.values[i]);
    return this.#spans < mostKeySpans;
  }

  /** The root is all that counts; until it is found, the first span is kept in mind. */
  #addOne(): boolean {
    const { isRoot } = this.#span;
    if (isRoot || this.#spans === 1) this.#sum = this.#span.sum;
    return !isRoot && this.#spans < mostKeySpans;
  }

  /** Adds a value to the set. */
  #count(value: number): void {
    const seen = this.#seen;
    for (let i = 0; i < this.#seenCount; i++) if (seen[i] === value) return;
    if (this.#seenCount === mostKeyValues) return;
    seen[this.#seenCount++] = value;
    this.#sum = (this.#sum + value) | 0;
  }
}
