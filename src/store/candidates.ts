import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Directory } from './directory.ts';
import { mostListedDigestBytes, mostSpreadMs } from './open-directory.ts';
import type { Pace } from './pace.ts';
import { outOfOrder } from './trace-table.ts';

/** Unix milliseconds, both ends included; a trace is inside when any moment of it is. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a search has looked at so far. */
export interface Inspected {
  traces: number;
  bytes: number;
}

/** A trace that may match. */
export interface Candidate {
  readonly number: number;
  readonly startMs: number;
  /** Its digest is too large to be read with others, and was not asked. */
  readonly isUnasked: boolean;
}

interface Looking {
  readonly mayMatch: (digest: Uint8Array) => boolean;
  readonly inspected: Inspected;
  readonly pace: Pace;
}

/** Traces that begin later come first; of those that begin together the one that came last. */
const byStart = (one: Candidate, other: Candidate): number => one.startMs - other.startMs || one.number - other.number;

/** What a table says of a trace; `digest` is null where it is too large to be read with others. */
interface Summary {
  readonly number: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly digest: Uint8Array | null;
}

interface PageRow {
  readonly id: number;
  /** By what pages follow each other. */
  readonly at: number;
}

interface TraceRow extends PageRow {
  readonly end_ms: number;
  readonly digest: Uint8Array | null;
}

interface BlockRow extends PageRow {
  readonly traces: number;
  readonly directory: Uint8Array;
  /** The numbers of those of its traces that have rows of their own. */
  readonly rows: string | null;
}

const rowsPerPage = 256;
const blocksPerPage = 8;

/** Finds the traces that a search has to look into. */
export class Candidates {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db);
  }

  /**
   * Those in this window whose digests may match, newest first. Rows are read down to where blocks have been read, and no
   * further: a trace that gets a row meanwhile has been met in its block, or its row is met after that. A trace may be met
   * twice.
   */
  async *find(window: TimeWindow, looking: Looking): AsyncGenerator<Candidate> {
    const blocks = new Pages<BlockRow>(this.#statements.blocks, blocksPerPage, window.toMs + mostSpreadMs, window);
    const rows = new Pages<TraceRow>(this.#statements.rows, rowsPerPage, window.toMs, window);
    // The newest is the last.
    const found: Candidate[] = [];
    for (;;) {
      const newest = found.at(-1);
      if (newest !== undefined && newest.startMs >= rows.unreadMs) yield found.pop()!;
      else if (newest === undefined && rows.isOver) return;
      else {
        const page =
          rows.unreadMs > blocks.unreadMs ? rows.next(blocks.unreadMs).flatMap(inRow) : blocks.next().flatMap(inBlock);
        for await (const candidate of candidates(page, window, looking)) found.push(candidate);
        found.sort(byStart);
      }
    }
  }
}

/** Those of a page that are in the window and may match. */
async function* candidates(
  page: readonly Summary[],
  { fromMs, toMs }: TimeWindow,
  { mayMatch, inspected, pace }: Looking,
): AsyncGenerator<Candidate> {
  for (const { number, startMs, endMs, digest } of page) {
    if (startMs > toMs || endMs < fromMs) continue;
    inspected.traces++;
    if (digest === null || mayMatch(digest)) yield { number, startMs, isUnasked: digest === null };
    if (pace.isOver) await pace.next();
  }
}

/** Pages of one table. Keyset paging: no statement stays open while others write. */
class Pages<Row extends PageRow> {
  readonly #page: StatementSync;
  readonly #rowsPerPage: number;
  readonly #window: TimeWindow;
  #last: PageRow;
  /** Traces that are not read yet begin no later. */
  unreadMs = Number.POSITIVE_INFINITY;

  constructor(page: StatementSync, rowsPerPage: number, toMs: number, window: TimeWindow) {
    this.#page = page;
    this.#rowsPerPage = rowsPerPage;
    this.#window = window;
    this.#last = { at: toMs, id: Number.MAX_SAFE_INTEGER };
  }

  get isOver(): boolean {
    return this.unreadMs === Number.NEGATIVE_INFINITY;
  }

  /** The next rows, of those whose time is behind `floorMs`. */
  next(floorMs = Number.NEGATIVE_INFINITY): Row[] {
    const { fromMs: from, toMs: to } = this.#window;
    const rows = this.#page.all({ ...this.#last, floor: Math.max(-1, floorMs), from, to }) as unknown as Row[];
    const last = rows.length === this.#rowsPerPage ? rows.at(-1)! : { at: floorMs, id: Number.MAX_SAFE_INTEGER };
    this.unreadMs = last.at;
    if (isBehind(last, this.#last)) this.#last = { at: last.at, id: last.id };
    // In a damaged file what comes next can be what came before, for ever.
    else if (last.at > floorMs) throw outOfOrder();
    return rows;
  }
}

const isBehind = (one: PageRow, other: PageRow): boolean =>
  one.at < other.at || (one.at === other.at && one.id < other.id);

const inRow = ({ id, at, end_ms, digest }: TraceRow): Summary[] => [{ number: id, startMs: at, endMs: end_ms, digest }];

/** Those without a row of their own; what is damaged may have any start. */
function inBlock({ id, traces, directory, rows }: BlockRow): Summary[] {
  const haveRows = new Set(rows?.split(',').map(Number));
  return [...new Directory(id, traces, directory).entries()].filter(
    ({ number, startMs, digest }) => startMs > 0 && digest.length > 0 && !haveRows.has(number),
  );
}

const prepare = (db: DatabaseSync) => ({
  // A digest that is larger is read for one trace at a time.
  rows: db.prepare(`SELECT id, start_ms AS at, end_ms, CASE WHEN length(digest) <= ${mostListedDigestBytes} THEN digest END AS digest
    FROM trace_row WHERE (start_ms, id) < (:at, :id) AND start_ms > :floor AND end_ms >= :from AND start_ms <= :to ORDER BY start_ms DESC, id DESC LIMIT ${rowsPerPage}`),
  blocks: db.prepare(`SELECT id, newest_ms AS at, traces, directory,
    (SELECT group_concat(id) FROM trace_row WHERE id >= block.id AND id < block.id + block.traces) AS rows
    FROM block WHERE (newest_ms, id) < (:at, :id) AND newest_ms > :floor AND end_ms >= :from AND oldest_ms <= :to ORDER BY newest_ms DESC, id DESC LIMIT ${blocksPerPage}`),
});
