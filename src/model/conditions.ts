import type { SpanPlace } from './predicates.ts';

/**
 * What the rules in force want to know of every span, compiled to what a scan over bytes can test. A span's answers are
 * bits in words: of the first word the low 28 are the rules' own and the rest are facts that every scan notes; more
 * words follow where the rules ask more. Bit n is bit `n & 31` of word `n >>> 5`.
 */
export interface SpanConditions {
  /** Words of bits, 1 or more. */
  readonly words: number;
  /** Words of a slice's row, see model/slice.ts: more words of bits and the span's times stand behind the common ones. */
  readonly rowWords: number;
  /** Where in a row its start and end stand, each as upper and lower 32 bits of nanoseconds; 0 = nobody asks. */
  readonly timesAt: number;
  /** First word: bits to set by status code 0 (UNSET), 1 (OK), 2 (ERROR); the fourth is for every other code. */
  readonly statusBits: Int32Array;
  /** A span longer than this many nanoseconds (exclusive) sets `slowBits`; Infinity = nobody asks. */
  readonly slowNs: number;
  readonly slowBits: number;
  /** Attributes of spans that some rule names. */
  readonly attributes: readonly AttributeCondition[];
  /** Whatever else is asked of a span itself; undefined = nothing. */
  readonly more: MoreConditions | undefined;
  /** What is asked of resources and of scopes; undefined = nothing. */
  readonly resource: EnvelopeConditions | undefined;
  readonly scope: EnvelopeConditions | undefined;
  /** Bits that follow from others of the same span, in the order in which they are set. */
  readonly compounds: readonly Compound[];
  /** Two sets of conditions with the same identity set the same bits on the same span. */
  readonly identity: string;
}

/**
 * A test of bytes: the bits of the first word that it says yes to; it sets those of the further words in `wide`, where
 * word n stands at n − 1.
 */
export type BitsOf = (buf: Uint8Array, start: number, end: number, wide: Int32Array) => number;

/** Bits by a number. */
export type NumberBits = (value: number, wide: Int32Array) => number;

/** One attribute key and what its value says. */
export interface AttributeCondition {
  readonly key: Uint8Array;
  /** Every bit that `match` can set where all are in the first word, so that a span that has them need not be asked; else 0. */
  readonly bits: number;
  /**
   * By the second byte of a text of two bytes or more: 0 where `match` says no to all such. Most texts are not those that
   * rules ask for, and show it there (the first byte of paths is the same); undefined = `match` is to be asked.
   */
  readonly seconds: Uint8Array | undefined;
  /** Of the AnyValue message at buf[start, end), which is well-formed. */
  readonly match: BitsOf;
}

/** What few rules ask of a span. */
export interface MoreConditions {
  /** Of the status code, beyond the first word. */
  readonly status: NumberBits | undefined;
  readonly kind: NumberBits | undefined;
  /** Of the duration in nanoseconds. */
  readonly duration: NumberBits | undefined;
  /** Of 1 for a root and 0 for another. */
  readonly root: NumberBits | undefined;
  /** Of the sampled flag, 0 or 1. */
  readonly sampled: NumberBits | undefined;
  readonly name: BitsOf | undefined;
  readonly statusMessage: BitsOf | undefined;
  /** Of the tracestate's text. */
  readonly tracestate: BitsOf | undefined;
  readonly eventName: BitsOf | undefined;
  readonly eventAttributes: readonly AttributeCondition[];
}

/** What is asked of a Resource, or of an InstrumentationScope. */
export interface EnvelopeConditions {
  readonly attributes: readonly AttributeCondition[];
  /** Of a scope's name and version. */
  readonly name: BitsOf | undefined;
  readonly version: BitsOf | undefined;
}

/** A bit that follows from others: `words[at]` is the first word of bits, the further ones start at words[moreAt]. */
export interface Compound {
  readonly bit: number;
  readonly follows: (words: Int32Array, at: number, moreAt: number, span: SpanPlace) => boolean;
}

/** The span has no parent: an empty parent id, or one of zeros. */
export const rootBit = 1 << 31;
/** The span's tracestate carries explicit randomness (`ot=rv:…`). */
export const randomnessBit = 1 << 30;
/** Bits of the first word that rules may use. */
export const firstWordBits = 28;
/** The most that rules may ask of spans, in words of bits. */
export const maxWords = 64;
/** In place of the number of conditions: none of a revision's, so the span is scanned again. */
export const mixedConditions = -1;
