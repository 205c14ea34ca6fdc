/** What one shard still has of a trace, whatever became of it. */
export interface PastTrace {
  /** Export requests, each with some of its spans. */
  readonly parts: readonly Uint8Array[];
  readonly spans: number;
  /** False where it is more than is read of one trace. */
  readonly isWhole: boolean;
}

/** Traces of one shard's window that may be what is looked for. */
export interface PastCandidates {
  /** Of 32 hex digits, the one that was seen last at the end. */
  readonly traceIds: readonly string[];
  /** False where there are more, which came before. */
  readonly isWhole: boolean;
}
