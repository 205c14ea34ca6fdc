/**
 * What the rules in force want to know of every span, compiled to what a scan over bytes can test. A span's answers are
 * bits: the low 28 are the rules' own, the rest are facts that every scan notes.
 */
export interface SpanConditions {
  /** Bits to set by status code 0 (UNSET), 1 (OK), 2 (ERROR); the fourth is for every other code. */
  readonly statusBits: Int32Array;
  /** A span longer than this many nanoseconds (exclusive) sets `slowBits`; Infinity = nobody asks. */
  readonly slowNs: number;
  readonly slowBits: number;
  /** By key length in bytes (under 128): the attributes that some rule names; undefined = none of that length. */
  readonly keysByLength: readonly (readonly AttributeCondition[] | undefined)[];
  /** Two sets of conditions with the same key set the same bits on the same span. */
  readonly identity: string;
}

/** One attribute key and what its value says. */
export interface AttributeCondition {
  readonly key: Uint8Array;
  /** Every bit that `match` can return, so that a span that has them all already need not be asked again. */
  readonly bits: number;
  /** The bits that the AnyValue message at buf[start, end) sets. Well-formed bytes are guaranteed. */
  match(buf: Uint8Array, start: number, end: number): number;
}

/** The span has no parent: an empty parent id, or one of zeros. */
export const rootBit = 1 << 31;
/** The span's tracestate carries explicit randomness (`ot=rv:…`). */
export const randomnessBit = 1 << 30;
/** Bits that rules may use. */
export const maxConditions = 28;
