import type { DatabaseSync } from 'node:sqlite';
import type { Part } from './cut.ts';
import { Damaged } from './damage.ts';
import { bodyIn, Directory, entryBytes } from './directory.ts';
import { mostTraces, OpenDirectory, type PlaceInOpen } from './open-directory.ts';
import { idBytes, idIn, keyOf } from './trace-key.ts';

/** Where a block is: its file, where it begins there, and the CRC-32 of its frame. */
export interface BlockPlace {
  readonly file: number;
  readonly start: number;
  readonly crc: number;
}

/** Where a body is in its block. */
export interface BodyInBlock extends BlockPlace {
  readonly at: number;
  readonly bytes: number;
}

/** A trace's row of its own. Times are Unix milliseconds. */
export interface TraceRow {
  readonly traceId: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
  readonly digest: Uint8Array;
  readonly storedMs: number;
  /** Its first part, or a reference to it; null where its block has it. */
  readonly body: Uint8Array | null;
}

/** What there is of a trace: what its row says, or else its block. */
export interface Known extends TraceRow {
  readonly hasRow: boolean;
  /** Where its block has its first body; undefined of formats before 4, or where that is damaged. */
  readonly first: Pick<BodyInBlock, 'at' | 'bytes'> | undefined;
  /** Undefined while its block is open, too. */
  readonly block: BlockPlace | undefined;
}

/**
 * Traces by their numbers, which follow each other as they came. Each is listed in the row of the block that has its
 * first part. It has a row of its own beside that, which counts, where parts came later, or where its block cannot
 * list it: it would spread too far in time, or has a large digest. Of formats before 4 all traces have such rows alone.
 */
export class TraceTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #open = new OpenDirectory();
  /** When what the open block has was stored. */
  #openMs = 0;
  /** What `traceId` read last: `known` mostly follows it. */
  #read: { readonly number: number; readonly block: Columns | undefined } | undefined;

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db);
  }

  /** The numbers of the first and the last trace; the last is smaller where there is none. */
  ends(): { readonly first: number; readonly last: number } {
    const { row, block, lastRow, lastBlock, lastInBlock } = this.#statements.ends.get() as Record<
      string,
      number | null
    >;
    if (row === null && block === null) return { first: 1, last: 0 };
    if (block !== null && !(lastInBlock! >= lastBlock! && lastInBlock! < lastBlock! + mostTraces)) throw outOfOrder();
    return { first: Math.min(row ?? block!, block ?? row!), last: Math.max(lastRow ?? 0, lastInBlock ?? 0) };
  }

  /** Adds a trace to the open block. There must be room. */
  add(place: PlaceInOpen, part: Part, now: number): void {
    this.#openMs = now;
    if (this.#open.add(place, part)) return;
    const { startMs, endMs, digest } = part;
    this.addRow(place.number, { traceId: place.traceId, startMs, endMs, digest }, now);
  }

  hasRoom(): boolean {
    return !this.#open.isFull;
  }

  /** Writes the row of the open block, if it has traces, when the block is written. */
  close(place: BlockPlace | undefined, now: number): void {
    const { first, traces, newestMs, oldestMs, endMs } = this.#open;
    if (place !== undefined && traces > 0) {
      const { file, start, crc } = place;
      const directory = this.#open.finish();
      this.#statements.addBlock.run(first, traces, now, newestMs, oldestMs, endMs, file, start, crc, directory);
    }
    this.clear();
  }

  /** Forgets the open block. */
  clear(): void {
    this.#open.clear();
  }

  /** Gives a trace a row of its own, of the same time of arrival as its block. */
  addRow(
    number: number,
    { traceId, startMs, endMs, digest }: Pick<TraceRow, 'traceId' | 'startMs' | 'endMs' | 'digest'>,
    storedMs: number,
  ): void {
    this.#statements.addRow.run(number, keyOf(number, traceId), storedMs, startMs, endMs, digest);
  }

  widen(number: number, { startMs, endMs, digest }: Pick<TraceRow, 'startMs' | 'endMs' | 'digest'>): void {
    this.#statements.widen.run(startMs, endMs, digest, number);
  }

  row(number: number): TraceRow | undefined {
    const row = this.#statements.row.get(number);
    return row && traceRow(row);
  }

  /** Where its first body is; undefined where no block lists it, null where what a block says of it is damaged. */
  body(number: number): BodyInBlock | null | undefined {
    const block = this.#statements.entry.get(number, number);
    return block && bodyOf(number, block);
  }

  /** Of a trace whose id was just read. What is in the open block is lent. */
  known(number: number): Known | undefined {
    if (this.#open.has(number)) {
      const entry = this.#open.entry(number);
      const row = this.row(number);
      const said = row ?? { ...entry, storedMs: this.#openMs, body: null };
      return { ...said, hasRow: row !== undefined, first: entry, block: undefined };
    }
    const block = this.#read?.number === number ? this.#read.block : this.#statements.entry.get(number, number);
    const body = block && bodyOf(number, block);
    const first = body ?? undefined;
    const row = this.row(number);
    if (row !== undefined) return { ...row, hasRow: true, first, block: first };
    if (body === undefined) return undefined;
    const { id, traces, directory, storedMs } = this.#statements.block.get(number)!;
    const entry = new Directory(Number(id), Number(traces), directory as Uint8Array).entry(number)!;
    const said = body === null ? { traceId: entry.traceId, ...nothing } : entry;
    return { ...said, storedMs: Number(storedMs), body: null, hasRow: false, first, block: first };
  }

  /** Undefined where there is no trace of this number. */
  traceId(number: number): Uint8Array | undefined {
    this.#read = undefined;
    if (this.#open.has(number)) return this.#open.traceId(number);
    const block = this.#statements.entry.get(number, number);
    this.#read = { number, block };
    if (block !== undefined && number < Number(block.end)) return idOf(block.entry as Uint8Array | null);
    const row = this.#statements.idOfRow.get(number);
    return row && idIn(row.trace_id as Uint8Array);
  }

  /** The ids of all traces of these numbers, those before all blocks first. */
  *traceIds(from: number, to: number): Generator<{ readonly number: number; readonly traceId: Uint8Array }> {
    for (const row of this.#statements.idsOfRows.iterate(from, to))
      yield { number: Number(row.id), traceId: idIn(row.trace_id as Uint8Array) };
    for (const row of this.#statements.blocks.iterate(from, to)) {
      const directory = new Directory(Number(row.id), Number(row.traces), row.directory as Uint8Array);
      for (const { number, traceId } of directory.entries())
        if (number >= from && number < to) yield { number, traceId };
    }
  }
}

type Columns = Record<string, unknown>;

const traceRow = (row: Columns): TraceRow => ({
  traceId: idIn(row.trace_id as Uint8Array),
  startMs: Number(row.start_ms),
  endMs: Number(row.end_ms),
  digest: row.digest as Uint8Array,
  storedMs: Number(row.stored_ms),
  body: row.body as Uint8Array | null,
});

/** Of a trace whose first part is lost. */
const nothing = { startMs: 0, endMs: 0, digest: new Uint8Array(0) };

/** Undefined where this block, the last that begins up to there, does not have the trace; null where that is damaged. */
function bodyOf(number: number, block: Columns): BodyInBlock | null | undefined {
  const entry = block.entry as Uint8Array | null;
  if (number >= Number(block.end) || entry?.length !== entryBytes) return undefined;
  const body = bodyIn(entry);
  const { file, start, crc } = block as unknown as BlockPlace;
  return body === undefined ? null : { file, start, crc, ...body };
}

const idOf = (entry: Uint8Array | null): Uint8Array | undefined => entry?.subarray(0, idBytes);

/** In a damaged file what comes next can be what came before, for ever. */
export const outOfOrder = (): Damaged => new Damaged('it has rows out of order');

/** Of formats before 4: traces that no block lists have the smaller numbers. */
export const rowsAlone = 'id < coalesce((SELECT min(id) FROM block), 9e15)';

const prepare = (db: DatabaseSync) => ({
  ends: db.prepare(`SELECT (SELECT min(id) FROM trace_row) AS row, (SELECT min(id) FROM block) AS block,
    (SELECT max(id) FROM trace_row) AS lastRow, (SELECT max(id) FROM block) AS lastBlock, (SELECT id + traces - 1 FROM block ORDER BY id DESC LIMIT 1) AS lastInBlock`),
  addBlock:
    db.prepare(`INSERT INTO block (id, traces, stored_ms, newest_ms, oldest_ms, end_ms, file, start, crc, directory)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
  addRow: db.prepare(
    'INSERT INTO trace_row (id, trace_id, stored_ms, start_ms, end_ms, digest, body) VALUES (?, ?, ?, ?, ?, ?, NULL)',
  ),
  widen: db.prepare('UPDATE trace_row SET start_ms = ?, end_ms = ?, digest = ? WHERE id = ?'),
  row: db.prepare('SELECT trace_id, stored_ms, start_ms, end_ms, digest, body FROM trace_row WHERE id = ?'),
  block: db.prepare(`SELECT id, traces, stored_ms AS storedMs, directory FROM block
    WHERE id <= ? ORDER BY id DESC LIMIT 1`),
  entry: db.prepare(`SELECT id + traces AS end, file, start, crc,
    substr(directory, (? - id) * ${entryBytes} + 1, ${entryBytes}) AS entry FROM block WHERE id <= ? ORDER BY id DESC LIMIT 1`),
  idOfRow: db.prepare('SELECT trace_id FROM trace_row WHERE id = ?'),
  idsOfRows: db.prepare(`SELECT id, trace_id FROM trace_row WHERE ${rowsAlone} AND id >= ? AND id < ?`),
  blocks: db.prepare(`SELECT id, traces, substr(directory, 1, traces * ${entryBytes}) AS directory FROM block
    WHERE id >= coalesce((SELECT max(id) FROM block WHERE id <= ?), 0) AND id < ?`),
});
