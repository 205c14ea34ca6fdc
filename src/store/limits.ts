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
  return { storedBefore: now - retentionMs, bytes: maxBytes - roomBeside(maxBytes) };
}

/** Left for what is beside: the write-ahead log, and pages of the database that are free. */
const roomBeside = (maxBytes: number): number => Math.min(32 * 1024 * 1024, Math.floor(maxBytes / 8));

/** Of that, for free pages, which the next traces take, rather than give them back and take them again (retain.ts). */
export const spareRoom = (maxBytes: number): number => roomBeside(maxBytes) / 4;

/** The rest is the log's, which checkpoints keep to it (database.ts). */
export const logRoom = (maxBytes: number): number => roomBeside(maxBytes) - spareRoom(maxBytes);

/** Of the database, for the attribute values of completion; more than anybody completes from in a large store. */
export const tagRoom = (maxBytes: number): number => Math.min(64 * 1024 * 1024, Math.floor(maxBytes / 8));
