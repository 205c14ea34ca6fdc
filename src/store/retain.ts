import type { DatabaseSync } from 'node:sqlite';
import type { BodyFiles } from './body-files.ts';
import { fileOf, isReference } from './body-reference.ts';
import { retentionPlan, type StoreLimits, spareRoom } from './limits.ts';

export interface StorageStats {
  /** Bytes of bodies, and of the database in use; its freed pages, which the next traces take, are not among them. */
  readonly bytes: number;
  readonly limitBytes: number;
  readonly traces: number;
  /** Unix milliseconds of the oldest trace's arrival; 0 = the store is empty. */
  readonly oldestAt: number;
  /** More than it may hold: the oldest traces should go. */
  readonly overLimit: boolean;
}

/**
 * Traces deleted in one transaction, and bytes given back to the file system after it: each step a few milliseconds, or
 * some 20 where very many small traces are too much.
 */
const tracesPerStep = 200;
const mostTracesPerStep = 4000;
const bytesPerStep = 2 * 1024 * 1024;
/** Of the pages, as many free ones are kept for the next traces, where there is room. */
const spareShare = 0.1;

/**
 * Deletes the oldest traces in small steps. `step` says whether there may be more to do; its caller yields in between.
 */
export class Retention {
  readonly #db: DatabaseSync;
  readonly #bodies: BodyFiles;
  readonly #limits: StoreLimits;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync, bodies: BodyFiles, limits: StoreLimits) {
    this.#db = db;
    this.#bodies = bodies;
    this.#limits = limits;
    this.#statements = prepare(db);
  }

  /**
   * To be called before a request is stored: where others come without end, `step` has a turn for each at best. Two
   * steps delete as many traces as a request has.
   */
  makeRoom(now: number): void {
    for (let n = 0; n < 3 && this.#excessBytes(now) > 0; n++) this.step(now);
  }

  /** True when something was done: then there may be more. */
  step(now: number): boolean {
    const plan = retentionPlan(now, this.#limits);
    const deleted = this.#deleteBefore(plan.storedBefore) + this.#deleteExcess(this.#excessBytes(now));
    this.#dropBodies();
    const shrunk = this.#shrink();
    const isDone = deleted === 0 && !shrunk;
    if (isDone) this.#bodies.forgetRead();
    return !isDone;
  }

  stats(): StorageStats {
    const { traces, oldest } = this.#statements.count.get() as { traces: number | null; oldest: number | null };
    const { maxBytes: limitBytes } = this.#limits;
    const bytes = this.#usedBytes();
    const overLimit = this.#excessBytes(0) > 0;
    return { bytes, limitBytes, traces: traces ?? 0, oldestAt: oldest ?? 0, overLimit };
  }

  #deleteBefore(storedBefore: number): number {
    const last = this.#statements.lastBefore.get(storedBefore)?.id;
    return last === undefined || last === null ? 0 : this.#deleteUpTo(Number(last));
  }

  /**
   * As many as are so large on average, but more than a few, as each step is a transaction; and none beyond the oldest
   * file of bodies, which goes with the last of them. All of a file at once would be a long step.
   */
  #deleteExcess(bytes: number): number {
    if (bytes <= 0) return 0;
    const { lastInFile, oldest } = this.#statements;
    const traces = Math.ceil(bytes / (this.#usedBytes() / Math.max(1, this.stats().traces)));
    const body = this.#oldestBody();
    const last =
      body === undefined
        ? oldest.get(Math.min(tracesPerStep, traces))
        : lastInFile.get(Math.min(mostTracesPerStep, Math.max(tracesPerStep, traces)), fileOf(body));
    return last === undefined || last.id === null ? 0 : this.#deleteUpTo(Number(last.id));
  }

  #deleteUpTo(id: number): number {
    return this.#inTransaction(() => {
      this.#statements.deleteParts.run(id);
      return Number(this.#statements.deleteTraces.run(id).changes);
    });
  }

  #inTransaction<T>(work: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const done = work();
      this.#db.exec('COMMIT');
      return done;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Rows leave in the order they came, as their bodies lie; of format 1 are the oldest, while there are any. */
  #dropBodies(): void {
    this.#inTransaction(() => {
      this.#bodies.begin();
      const oldest = this.#oldestBody();
      if (oldest !== undefined || this.stats().traces === 0) this.#bodies.deleteBefore(oldest);
    });
  }

  /** A reference to the body of the oldest trace; undefined where there is none, or one of format 1. */
  #oldestBody(): Uint8Array | undefined {
    const body = this.#statements.oldestBody.get()?.body as Uint8Array | null | undefined;
    return body && isReference(body) ? body : undefined;
  }

  #pages(): { all: number; free: number; size: number } {
    const { all, free, size } = this.#statements.pages.get() as { all: number; free: number; size: number };
    return { all, free, size };
  }

  #excessBytes(now: number): number {
    return this.#usedBytes() - retentionPlan(now, this.#limits).bytes;
  }

  #usedBytes(): number {
    const { all, free, size } = this.#pages();
    return (all - free) * size + this.#bodies.bytes;
  }

  #shrink(): boolean {
    const { all, free, size } = this.#pages();
    const excess = free - Math.ceil(Math.min(all * spareShare, spareRoom(this.#limits.maxBytes) / size));
    if (excess > 0) this.#db.exec(`PRAGMA incremental_vacuum(${Math.min(excess, Math.ceil(bytesPerStep / size))})`);
    return excess > 0 && this.#pages().free < free;
  }
}

const prepare = (db: DatabaseSync) => ({
  lastBefore: db.prepare(
    `SELECT max(id) AS id FROM (SELECT id, stored_ms FROM trace ORDER BY id LIMIT ${tracesPerStep}) WHERE stored_ms < ?`,
  ),
  oldest: db.prepare('SELECT max(id) AS id FROM (SELECT id FROM trace ORDER BY id LIMIT ?)'),
  lastInFile: db.prepare(
    'SELECT max(id) AS id FROM (SELECT id, body FROM trace ORDER BY id LIMIT ?) WHERE substr(body, 1, 5) <= ?',
  ),
  oldestBody: db.prepare('SELECT body FROM trace ORDER BY id LIMIT 1'),
  deleteParts: db.prepare('DELETE FROM part WHERE trace IN (SELECT id FROM trace WHERE id <= ?)'),
  deleteTraces: db.prepare('DELETE FROM trace WHERE id <= ?'),
  // Rows leave at the low end only, so the ids have no holes and need not be counted one by one.
  count: db.prepare(`SELECT (SELECT max(id) FROM trace) - (SELECT min(id) FROM trace) + 1 AS traces,
    (SELECT stored_ms FROM trace ORDER BY id LIMIT 1) AS oldest`),
  pages: db.prepare(`SELECT page_count AS "all", freelist_count AS free, page_size AS size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size`),
});
