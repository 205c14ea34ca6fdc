import { randomInt } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { IdHash } from '../tables/id-hash.ts';
import { Damaged } from './damage.ts';
import { filterOf, GenerationFilters, generationsPerFilter } from './generation-filters.ts';

/** Traces whose rows follow each other: those of one generation stand together in the index of ids. */
const tracesPerGeneration = 8192;
/** How many are read into the filters with one batch: about a millisecond each. */
const readAtOnce = 16;
/** And one more for so many looks into those that are not read yet, which take as long: a full store has hundreds. */
const looksPerRead = 256;
/** More traces than a disk holds: ids that are further apart are damaged. */
const mostGenerations = 2 ** 17;

const idBytes = 16;
const keyBytes = idBytes + 4;

/**
 * Which row a trace has. `trace.trace_id` is u32 the generation, big-endian | the id, so that new rows enter the index in
 * a few of its pages, where ids alone would touch all of them, each to be written anew. So a trace is looked for in each
 * generation, or in those that Bloom filters in memory, two bytes a trace, do not rule out. Rows of format 1 have
 * the id alone.
 */
export class TraceIds {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #hash = new IdHash(randomInt(2 ** 31));
  /** They lack generations before `#readFrom`. */
  readonly #filters = new GenerationFilters(tracesPerGeneration);
  readonly #key = Buffer.alloc(keyBytes);
  #first = 0;
  #last = 0;
  #readFrom = 0;
  /** Into generations before that, since one of them was read for it. */
  #looks = 0;
  /** Another one where another connection has written. */
  #version = -1;
  #nextId = 1;
  #hasFormat1 = false;

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db);
    this.refresh();
  }

  /**
   * To be called before `find` where others may have changed the table since: before a batch, in its transaction, and
   * before a question.
   */
  refresh(): void {
    this.#measure();
    const version = Number(this.#statements.version.get()!.data_version);
    if (version !== this.#version) this.#readFrom = this.#last + 1;
    this.#version = version;
    this.#filters.keep(this.#first, this.#last);
    for (let n = 0; n < readAtOnce && this.#readFrom > this.#first; n++) this.#read(--this.#readFrom);
  }

  /** The row of a trace, by the 16 bytes of its id; undefined where there is none. */
  find(traceId: Uint8Array): number | undefined {
    if (this.#looks >= looksPerRead) this.#readForLooks();
    const hash = this.#hashOf(traceId);
    for (let filter = filterOf(this.#last); filter >= filterOf(this.#first); filter--) {
      for (let bits = this.#filters.mayHave(filter, hash) | this.#unread(filter); bits !== 0; ) {
        const newest = 31 - Math.clz32(bits);
        bits &= ~(1 << newest);
        const id = this.#look(filter * generationsPerFilter + newest, traceId);
        if (id !== undefined) return id;
      }
    }
    return this.#hasFormat1 ? this.#rowOf(traceId) : undefined;
  }

  /** The row for a trace that has none, and its key, which is lent until the next call. */
  next(traceId: Uint8Array): { readonly id: number; readonly key: Uint8Array } {
    const id = this.#nextId++;
    this.#last = generationOf(id);
    this.#filters.add(this.#last, this.#hashOf(traceId));
    return { id, key: this.#keyOf(this.#last, traceId) };
  }

  #measure(): void {
    const { first, last, format1 } = this.#statements.ends.get() as Record<'first' | 'last' | 'format1', number>;
    this.#nextId = last + 1;
    this.#first = generationOf(first);
    this.#last = generationOf(last);
    this.#hasFormat1 = format1 === 1;
    if (this.#first < 0 || this.#last - this.#first > mostGenerations) throw new Damaged('its rows have odd numbers');
  }

  /** Into one generation. */
  #look(generation: number, traceId: Uint8Array): number | undefined {
    if (generation < this.#first) return undefined;
    if (generation < this.#readFrom) this.#looks++;
    return this.#rowOf(this.#keyOf(generation, traceId));
  }

  #readForLooks(): void {
    for (; this.#looks >= looksPerRead && this.#readFrom > this.#first; this.#looks -= looksPerRead)
      this.#read(--this.#readFrom);
  }

  #rowOf(key: Uint8Array): number | undefined {
    const row = this.#statements.find.get(key);
    return row === undefined ? undefined : Number(row.id);
  }

  #keyOf(generation: number, traceId: Uint8Array): Uint8Array {
    this.#key.writeUInt32BE(generation);
    this.#key.set(traceId, keyBytes - idBytes);
    return this.#key;
  }

  /** Enters a generation that is there into its filter. All keys in one text take a tenth of the time of as many rows. */
  #read(generation: number): void {
    const from = Buffer.alloc(4);
    from.writeUInt32BE(generation);
    const to = Buffer.alloc(4);
    to.writeUInt32BE(generation + 1);
    const keys = Buffer.from(String(this.#statements.keys.get(from, to, keyBytes)!.keys ?? ''), 'hex');
    for (let at = keyBytes - idBytes; at < keys.length; at += keyBytes)
      this.#filters.add(generation, this.#hashOf(keys.subarray(at, at + idBytes)));
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

/** The id in a row's `trace_id`. */
export const idIn = (key: Uint8Array): Uint8Array => key.subarray(-idBytes);

const generationOf = (id: number): number => Math.floor(id / tracesPerGeneration);
const word = (b: Uint8Array, at: number): number => b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24);

const prepare = (db: DatabaseSync) => ({
  version: db.prepare('PRAGMA data_version'),
  find: db.prepare('SELECT id FROM trace WHERE trace_id = ?'),
  ends: db.prepare(`SELECT coalesce((SELECT min(id) FROM trace), 1) AS first, coalesce((SELECT max(id) FROM trace), 0) AS last,
    coalesce((SELECT length(trace_id) = ${idBytes} FROM trace ORDER BY id LIMIT 1), 0) AS format1`),
  keys: db.prepare(
    "SELECT group_concat(hex(trace_id), '') AS keys FROM trace WHERE trace_id >= ? AND trace_id < ? AND length(trace_id) = ?",
  ),
});
