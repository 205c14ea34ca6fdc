/** What one shard still has of a trace, whatever became of it. */
export interface PastTrace {
  /** Export requests, each with some of its spans. */
  readonly parts: readonly Uint8Array[];
  readonly spans: number;
  /** False where it is more than is read of one trace. */
  readonly isWhole: boolean;
}
