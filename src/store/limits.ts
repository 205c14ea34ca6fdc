/** What the store may hold. */
export interface StoreLimits {
  readonly retentionMs: number;
  /** What the directory may take on disk: the database file and its write-ahead log. */
  readonly maxBytes: number;
}

interface RetentionPlan {
  readonly storedBefore: number;
  readonly bytes: number;
}

/** What must go at `now`: everything that arrived before `storedBefore`, then the oldest until `bytes` is reached. */
export function retentionPlan(now: number, { retentionMs, maxBytes }: StoreLimits): RetentionPlan {
  return { storedBefore: now - retentionMs, bytes: maxBytes - logRoom(maxBytes) };
}

/** Left for the write-ahead log, which checkpoints keep to this (see database.ts). */
export const logRoom = (maxBytes: number): number => Math.min(32 * 1024 * 1024, Math.floor(maxBytes / 8));

/** Of the database, for the attribute values of completion; more than anybody completes from in a large store. */
export const tagRoom = (maxBytes: number): number => Math.min(64 * 1024 * 1024, Math.floor(maxBytes / 8));
