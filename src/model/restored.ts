/** Under what name traces out of an archive are counted as kept, in a policy's place; no policy may be called so. */
export const byHand = 'keep:archive';

/** What was taken of an archive. */
export interface Restored {
  readonly spans: number;
  readonly traces: number;
}

/** Since the start. A trace that comes in several requests counts in each. */
export interface RestoredCount {
  spans: number;
  traces: number;
  bytes: number;
  requests: number;
}
