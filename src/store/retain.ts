import type { DatabaseSync } from 'node:sqlite';
import type { BodyFiles } from './body-files.ts';
import { fileOf, isReference, readReference } from './body-reference.ts';
import { retentionPlan, type StoreLimits, spareRoom } from './limits.ts';
import type { TraceIds } from './trace-ids.ts';
import { outOfOrder, rowsAlone, type TraceTable } from './trace-table.ts';
import type { Traces } from './traces.ts';

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
  readonly #table: TraceTable;
  readonly #ids: TraceIds;
  readonly #bodies: BodyFiles;
  readonly #limits: StoreLimits;
  readonly #statements: ReturnType<typeof prepare>;

  constructor({ db, table, ids, bodies }: Traces, limits: StoreLimits) {
    this.#db = db;
    this.#table = table;
    this.#ids = ids;
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
    const { first, last } = this.#table.ends();
    const { maxBytes: limitBytes } = this.#limits;
    const bytes = this.#usedBytes();
    const overLimit = this.#excessBytes(0) > 0;
    // Traces leave in the order of their numbers, which have no holes and need not be counted one by one.
    return { bytes, limitBytes, traces: last - first + 1, oldestAt: this.#oldest()?.storedMs ?? 0, overLimit };
  }

  #deleteBefore(storedBefore: number): number {
    const { first } = this.#table.ends();
    const last = this.#statements.lastBefore.get({ before: storedBefore, end: first + tracesPerStep })!.last;
    return last === null ? 0 : this.#deleteUpTo(Number(last));
  }

  /**
   * As many as are so large on average, but more than a few, as each step is a transaction; and none beyond the oldest
   * file of bodies, which goes with the last of them. All of a file at once would be a long step.
   */
  #deleteExcess(bytes: number): number {
    const oldest = this.#oldest();
    if (bytes <= 0 || oldest === undefined) return 0;
    const traces = Math.ceil(bytes / (this.#usedBytes() / Math.max(1, this.stats().traces)));
    const atLeast = Math.max(tracesPerStep, traces);
    const { lastOfRows, lastInFile, lastInFileOfRows } = this.#statements;
    const { first } = this.#table.ends();
    const end = first + Math.min(mostTracesPerStep, atLeast);
    const last = oldest.isInBlock
      ? lastInFile.get({ end, file: oldest.file! })
      : oldest.body === undefined
        ? lastOfRows.get({ end: first + Math.min(tracesPerStep, traces) })
        : lastInFileOfRows.get({ end, file: fileOf(oldest.body) });
    return last === undefined || last.last === null ? 0 : this.#deleteUpTo(Number(last.last));
  }

  /** Up to the last trace of a block, or to one before all blocks. */
  #deleteUpTo(last: number): number {
    const { deleteParts, deleteRows, deleteBlocks } = this.#statements;
    const { first } = this.#table.ends();
    if (last < first) throw outOfOrder();
    this.#inTransaction(() => {
      for (const statement of [deleteParts, deleteRows, deleteBlocks]) statement.run(last);
      this.#ids.forgetBefore(last + 1);
    });
    return last - first + 1;
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

  /** Traces leave in the order they came, as their bodies lie; of format 1 are the oldest, while there are any. */
  #dropBodies(): void {
    this.#inTransaction(() => {
      this.#bodies.begin();
      const oldest = this.#oldest();
      if (oldest === undefined || oldest.file !== undefined) this.#bodies.deleteBefore(oldest?.file);
    });
  }

  #oldest(): Oldest | undefined {
    const row = this.#statements.oldest.get();
    if (row === undefined) return undefined;
    const storedMs = Number(row.stored_ms);
    if (row.file !== null) return { storedMs, isInBlock: true, file: Number(row.file) };
    const body = row.body as Uint8Array | null;
    if (body === null || !isReference(body)) return { storedMs, isInBlock: false };
    return { storedMs, isInBlock: false, body, file: readReference(body).number };
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

/** The trace that came first. */
interface Oldest {
  readonly storedMs: number;
  /** Whether a block lists it; those of formats before 4, which are the older ones, have rows alone. */
  readonly isInBlock: boolean;
  /** Of a row, where it is a reference. */
  readonly body?: Uint8Array;
  /** Where its first body is; undefined where that is in its row (format 1). */
  readonly file?: number;
}

const prepare = (db: DatabaseSync) => ({
  lastBefore: db.prepare(`SELECT max(last) AS last FROM (
    SELECT max(id) AS last FROM trace_row WHERE ${rowsAlone} AND id < :end AND stored_ms < :before
    UNION ALL SELECT max(id + traces - 1) FROM block WHERE id < :end AND stored_ms < :before)`),
  lastOfRows: db.prepare(`SELECT max(id) AS last FROM trace_row WHERE ${rowsAlone} AND id < :end`),
  lastInFileOfRows: db.prepare(
    `SELECT max(id) AS last FROM trace_row WHERE ${rowsAlone} AND id < :end AND substr(body, 1, 5) <= :file`,
  ),
  lastInFile: db.prepare('SELECT max(id + traces - 1) AS last FROM block WHERE id < :end AND file <= :file'),
  oldest:
    db.prepare(`SELECT * FROM (SELECT id, stored_ms, body, NULL AS file FROM trace_row WHERE ${rowsAlone} ORDER BY id LIMIT 1)
    UNION ALL SELECT * FROM (SELECT id, stored_ms, NULL, file FROM block ORDER BY id LIMIT 1) LIMIT 1`),
  deleteParts: db.prepare('DELETE FROM part WHERE trace IN (SELECT id FROM trace_row WHERE id <= ?)'),
  deleteRows: db.prepare('DELETE FROM trace_row WHERE id <= ?'),
  deleteBlocks: db.prepare('DELETE FROM block WHERE id <= ?'),
  pages: db.prepare(`SELECT page_count AS "all", freelist_count AS free, page_size AS size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size`),
});
