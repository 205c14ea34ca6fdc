import type { DatabaseSync } from 'node:sqlite';
import { IdHash } from '../tables/id-hash.ts';
import { Damaged } from './damage.ts';
import { filterOf, GenerationFilters, generationsPerFilter } from './generation-filters.ts';
import { IdHashes } from './id-hashes.ts';
import { LastGeneration } from './last-generation.ts';
import { generationOf, idBytes, keyBytes, keyOf, tracesPerGeneration } from './trace-key.ts';
import type { TraceTable } from './trace-table.ts';

/** How many are read into the filters with one batch: about a millisecond each. */
const readAtOnce = 16;
/** And one more for so many looks into those that are not read yet, which take as long: a full store has hundreds. */
const looksPerRead = 256;
/** More traces than a disk holds: numbers that are further apart are damaged. */
const mostGenerations = 2 ** 17;

/**
 * Which number a trace has. It is looked for in each generation, or in those that Bloom filters in memory, two bytes a
 * trace, do not rule out: of the last one the hashes of its ids are in memory, of those before in a table (id-hashes.ts). Of
 * formats before 4 ids are in an index, each behind its generation, of format 1 alone.
 */
export class TraceIds {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #table: TraceTable;
  readonly #written: IdHashes;
  readonly #hash: IdHash;
  /** They lack generations before `#readFrom`. */
  readonly #filters = new GenerationFilters(tracesPerGeneration);
  /** What it has from `#next` on is of no trace. */
  readonly #filling = new LastGeneration();
  #first = 0;
  #last = 0;
  #readFrom = 0;
  /** Into generations before that, since one of them was read for it. */
  #looks = 0;
  /** Another one where another connection has written. */
  #version = -1;
  #next = 1;
  #hasFormat1 = false;
  /** Generations from here on have their hashes written, but for the last; those before are in the index. */
  #firstWritten = 0;

  constructor(db: DatabaseSync, table: TraceTable) {
    this.#statements = prepare(db);
    this.#table = table;
    this.#written = new IdHashes(db);
    this.#hash = new IdHash(this.#written.seed);
    this.refresh();
  }

  /**
   * To be called before `find` where others may have changed the tables since: before a batch, in its transaction, and
   * before a question.
   */
  refresh(): void {
    // What is measured behind it may be newer than this version, and is read again with the next one; not the reverse.
    const version = Number(this.#statements.version.get()!.data_version);
    this.#measure();
    const isChanged = version !== this.#version;
    if (isChanged || this.#readFrom > this.#last) this.#readFrom = this.#last + 1;
    // A batch that was undone may have begun another generation.
    if (isChanged || this.#filling.number !== this.#last) this.#fill();
    this.#version = version;
    this.#filters.keep(this.#first, this.#last);
    for (let n = 0; n < readAtOnce && this.#readFrom > this.#first; n++) this.#read(--this.#readFrom);
  }

  /** The number of a trace, by the 16 bytes of its id; undefined where there is none. */
  find(traceId: Uint8Array): number | undefined {
    if (this.#looks >= looksPerRead) this.#readForLooks();
    const hash = this.#hashOf(traceId);
    for (let filter = filterOf(this.#last); filter >= filterOf(this.#first); filter--) {
      for (let bits = this.#filters.mayHave(filter, hash) | this.#unread(filter); bits !== 0; ) {
        const newest = 31 - Math.clz32(bits);
        bits &= ~(1 << newest);
        const number = this.#look(filter * generationsPerFilter + newest, traceId, hash);
        if (number !== undefined) return number;
      }
    }
    return this.#hasFormat1 ? this.#rowOf(traceId) : undefined;
  }

  /** The number for a trace that has none. Within a transaction. */
  next(traceId: Uint8Array): number {
    const number = this.#next++;
    if (generationOf(number) !== this.#last) this.#begin(generationOf(number));
    const hash = this.#hashOf(traceId);
    this.#filling.add(number, hash);
    this.#filters.add(this.#last, hash);
    return number;
  }

  /** Forgets what is written of generations before that of the first trace. Within a transaction. */
  forgetBefore(first: number): void {
    this.#written.deleteBefore(generationOf(first));
  }

  #begin(generation: number): void {
    this.#written.write(this.#last, this.#filling.hashes);
    this.#filling.begin((this.#last = generation));
  }

  #measure(): void {
    const { first, last } = this.#table.ends();
    this.#next = last + 1;
    this.#first = generationOf(first);
    this.#last = generationOf(last);
    this.#firstWritten = this.#written.first() ?? this.#last;
    this.#hasFormat1 = this.#statements.format1.get()?.format1 === 1;
    if (this.#first < 0 || this.#last - this.#first > mostGenerations) throw new Damaged('its rows have odd numbers');
  }

  #fill(): void {
    this.#filling.begin(this.#last);
    const { first } = this.#filling;
    for (const { number, traceId } of this.#table.traceIds(first, first + tracesPerGeneration))
      this.#filling.add(number, this.#hashOf(traceId));
  }

  /** Into one generation; filters have more of them, where a batch was undone, or all traces were deleted. */
  #look(generation: number, traceId: Uint8Array, hash: number): number | undefined {
    if (generation < this.#first || generation > this.#last) return undefined;
    if (generation < this.#readFrom) this.#looks++;
    if (generation < this.#firstWritten) return this.#rowOf(keyOf(generation * tracesPerGeneration, traceId));
    const isLast = generation === this.#last;
    const numbers = isLast ? this.#filling.numbers(hash, this.#next) : this.#written.numbers(generation, hash);
    return numbers.find((number) => isSame(this.#table.traceId(number), traceId));
  }

  #readForLooks(): void {
    for (; this.#looks >= looksPerRead && this.#readFrom > this.#first; this.#looks -= looksPerRead)
      this.#read(--this.#readFrom);
  }

  #rowOf(key: Uint8Array): number | undefined {
    const row = this.#statements.find.get(key);
    return row === undefined ? undefined : Number(row.id);
  }

  /** Enters a generation that is there into its filter. */
  #read(generation: number): void {
    for (const hash of this.#hashesOf(generation)) this.#filters.add(generation, hash);
  }

  #hashesOf(generation: number): Iterable<number> {
    if (generation < this.#firstWritten) return this.#hashesOfRows(generation);
    return generation === this.#last ? this.#filling.hashes : this.#written.read(generation);
  }

  /** Of a format before 4. All keys in one text take a tenth of the time of as many rows. */
  *#hashesOfRows(generation: number): Generator<number> {
    const from = Buffer.alloc(4);
    from.writeUInt32BE(generation);
    const to = Buffer.alloc(4);
    to.writeUInt32BE(generation + 1);
    const keys = Buffer.from(String(this.#statements.keys.get(from, to, keyBytes)!.keys ?? ''), 'hex');
    for (let at = keyBytes - idBytes; at < keys.length; at += keyBytes)
      yield this.#hashOf(keys.subarray(at, at + idBytes));
  }

  #hashOf(id: Uint8Array): number {
    return this.#hash.of(word(id, 0), word(id, 4), word(id, 8), word(id, 12));
  }

  /** The bits of a filter's generations that are not in it yet. */
  #unread(number: number): number {
    const generations = this.#readFrom - number * generationsPerFilter;
    return generations >= generationsPerFilter ? -1 : (1 << Math.max(0, generations)) - 1;
  }
}

const isSame = (one: Uint8Array | undefined, other: Uint8Array): boolean =>
  one !== undefined && Buffer.compare(one, other) === 0;

const word = (b: Uint8Array, at: number): number => b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24);

const prepare = (db: DatabaseSync) => ({
  version: db.prepare('PRAGMA data_version'),
  find: db.prepare('SELECT id FROM trace_row WHERE trace_id = ?'),
  format1: db.prepare(`SELECT length(trace_id) = ${idBytes} AS format1 FROM trace_row ORDER BY id LIMIT 1`),
  keys: db.prepare(
    "SELECT group_concat(hex(trace_id), '') AS keys FROM trace_row WHERE trace_id >= ? AND trace_id < ? AND length(trace_id) = ?",
  ),
});
