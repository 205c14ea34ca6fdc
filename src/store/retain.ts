import type { DatabaseSync } from 'node:sqlite';
import { retentionPlan, type StoreLimits } from './limits.ts';

export interface StorageStats {
  /** Bytes of the database in use; freed pages, which the next traces take, are not among them. */
  readonly bytes: number;
  readonly limitBytes: number;
  readonly traces: number;
  /** Unix milliseconds of the oldest trace's arrival; 0 = the store is empty. */
  readonly oldestAt: number;
  /** More than it may hold: the oldest traces should go. */
  readonly overLimit: boolean;
}

/**
 * Traces deleted in one transaction, and bytes given back to the file system after it: each step a few milliseconds.
 */
const tracesPerStep = 200;
const bytesPerStep = 2 * 1024 * 1024;
/** Free pages kept for the next traces rather than given back and taken again. */
const spareShare = 0.1;

/**
 * Deletes the oldest traces in small steps. `step` says whether there may be more to do; its caller yields in between.
 */
export class Retention {
  readonly #db: DatabaseSync;
  readonly #limits: StoreLimits;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync, limits: StoreLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#statements = prepare(db);
  }

  /** True when something was done: then there may be more. */
  step(now: number): boolean {
    const plan = retentionPlan(now, this.#limits);
    const deleted = this.#deleteBefore(plan.storedBefore) + this.#deleteExcess(this.#usedBytes() - plan.bytes);
    const shrunk = this.#shrink();
    return deleted > 0 || shrunk;
  }

  stats(): StorageStats {
    const { traces, oldest } = this.#statements.count.get() as { traces: number | null; oldest: number | null };
    const { maxBytes: limitBytes } = this.#limits;
    const bytes = this.#usedBytes();
    const overLimit = bytes > retentionPlan(0, this.#limits).bytes;
    return { bytes, limitBytes, traces: traces ?? 0, oldestAt: oldest ?? 0, overLimit };
  }

  #deleteBefore(storedBefore: number): number {
    const last = this.#statements.lastBefore.get(storedBefore)?.id;
    return last === undefined || last === null ? 0 : this.#deleteUpTo(Number(last));
  }

  /** As many as are so large on average: one by one each would be a transaction, all at once a long step. */
  #deleteExcess(bytes: number): number {
    if (bytes <= 0) return 0;
    const traceBytes = this.#usedBytes() / Math.max(1, this.stats().traces);
    const last = this.#statements.oldest.get(Math.min(tracesPerStep, Math.ceil(bytes / traceBytes)))?.id;
    return last === undefined || last === null ? 0 : this.#deleteUpTo(Number(last));
  }

  #deleteUpTo(id: number): number {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#statements.deleteParts.run(id);
      const { changes } = this.#statements.deleteTraces.run(id);
      this.#db.exec('COMMIT');
      return Number(changes);
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #pages(): { all: number; free: number; size: number } {
    const { all, free, size } = this.#statements.pages.get() as { all: number; free: number; size: number };
    return { all, free, size };
  }

  #usedBytes(): number {
    const { all, free, size } = this.#pages();
    return (all - free) * size;
  }

  #shrink(): boolean {
    const { all, free, size } = this.#pages();
    const excess = free - Math.ceil(all * spareShare);
    if (excess > 0) this.#db.exec(`PRAGMA incremental_vacuum(${Math.min(excess, Math.ceil(bytesPerStep / size))})`);
    return excess > 0 && this.#pages().free < free;
  }
}

const prepare = (db: DatabaseSync) => ({
  lastBefore: db.prepare(
    `SELECT max(id) AS id FROM (SELECT id, stored_ms FROM trace ORDER BY id LIMIT ${tracesPerStep}) WHERE stored_ms < ?`,
  ),
  oldest: db.prepare('SELECT max(id) AS id FROM (SELECT id FROM trace ORDER BY id LIMIT ?)'),
  deleteParts: db.prepare('DELETE FROM part WHERE trace IN (SELECT id FROM trace WHERE id <= ?)'),
  deleteTraces: db.prepare('DELETE FROM trace WHERE id <= ?'),
  // Rows leave at the low end only, so the ids have no holes and need not be counted one by one.
  count: db.prepare(`SELECT (SELECT max(id) FROM trace) - (SELECT min(id) FROM trace) + 1 AS traces,
    (SELECT stored_ms FROM trace ORDER BY id LIMIT 1) AS oldest`),
  pages: db.prepare(`SELECT page_count AS "all", freelist_count AS free, page_size AS size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size`),
});
