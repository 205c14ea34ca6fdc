/**
 * The row of a slice as the scan writes it and shards hand it over, in Int32 words. Positions are offsets in the buffer
 * that holds the request. `resourceSpans` and `scopeSpans` say where the length of the enclosing message stands: what a
 * slice's envelope holds is looked up there when a trace is kept, not before.
 */
export const Slice = {
  start: 0,
  length: 1,
  resourceSpans: 2,
  /** With `skippable` where that holds, see wire/envelope.ts. */
  scopeSpans: 3,
  /** The trace id in four words, big-endian. */
  traceIdA: 4,
  traceIdB: 5,
  traceIdC: 6,
  traceIdD: 7,
  bits: 8,
  /** Explicit randomness: upper 24 and lower 32 bits, where `randomnessBit` is set. */
  randomnessHigh: 9,
  randomnessLow: 10,
  /** Nanoseconds that it took, as tables/float-bits.ts has them; 0 where that is not known. */
  tookNs: 11,
} as const;
/** Words of a row where the rules ask for no more than the first word of bits; else see SpanConditions. */
export const sliceWords = 12;

/** Slices of one request that lie in one segment. */
export interface SliceRows {
  /** The segment's bytes, and its number in this shard. */
  readonly bytes: Uint8Array;
  readonly segment: number;
  /** `count` rows of `stride` words; whoever wrote them may write others there afterwards. */
  readonly rows: Int32Array;
  readonly stride: number;
  readonly count: number;
  /** Which conditions the bits are of, see shard/revision.ts. */
  readonly conditions: number;
}

/**
 * What a scan found in a message that has no place in a segment yet: positions count from where the message starts. By
 * these rows it comes in without another scan.
 */
export interface Found {
  /** `count` rows of `stride` words. */
  readonly rows: Int32Array;
  readonly stride: number;
  readonly count: number;
  /** As in SliceRows. */
  readonly conditions: number;
  /** Spans that were left out as invalid, and why the first of them. */
  readonly invalid: number;
  readonly reason: string;
}

/** Has the slice at rows[row …] the trace id of the one at rows[other …]? */
export function isOfSameTrace(rows: Int32Array, row: number, other: number): boolean {
  return (
    rows[other + Slice.traceIdD] === rows[row + Slice.traceIdD] &&
    rows[other + Slice.traceIdC] === rows[row + Slice.traceIdC] &&
    rows[other + Slice.traceIdB] === rows[row + Slice.traceIdB] &&
    rows[other + Slice.traceIdA] === rows[row + Slice.traceIdA]
  );
}

/** Does the row at rows[row …] have one of these bits, in words? */
export function isAnySet(wanted: Int32Array, rows: Int32Array, row: number): boolean {
  if ((rows[row + Slice.bits] & wanted[0]) !== 0) return true;
  for (let i = 1; i < wanted.length; i++) if ((rows[row + sliceWords + i - 1] & wanted[i]) !== 0) return true;
  return false;
}
