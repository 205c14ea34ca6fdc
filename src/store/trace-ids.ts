import { randomInt } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { IdHash } from '../tables/id-hash.ts';
import { Damaged } from './damage.ts';

/** Traces whose rows follow each other: those of one generation stand together in the index of ids. */
const tracesPerGeneration = 8192;
/** A bit for each generation in every byte of a filter. */
const generationsPerFilter = 8;
/** 16 for each trace of a generation, and 6 probes, let 1 in 1,000 that is not there through. */
const bitsPerGeneration = 16 * tracesPerGeneration;
const probes = 6;
/** How many are read into the filters with one batch: about a millisecond each. */
const readAtOnce = 16;
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
  /** By the number of their first generation / generationsPerFilter; those before `#readFrom` lack generations. */
  readonly #filters = new Map<number, Uint8Array>();
  readonly #key = Buffer.alloc(keyBytes);
  #first = 0;
  #last = 0;
  #readFrom = 0;
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
    this.#look();
    const version = Number(this.#statements.version.get()!.data_version);
    if (version !== this.#version) this.#readFrom = this.#last + 1;
    this.#version = version;
    for (const number of this.#filters.keys())
      if (number < filterOf(this.#first) || number > filterOf(this.#last)) this.#filters.delete(number);
    for (let n = 0; n < readAtOnce && this.#readFrom > this.#first; n++) this.#read(--this.#readFrom);
  }

  /** The row of a trace, by the 16 bytes of its id; undefined where there is none. */
  find(traceId: Uint8Array): number | undefined {
    const hash = this.#hashOf(traceId);
    for (let generation = this.#last; generation >= this.#first; ) {
      const filter = filterOf(generation);
      const mayHave = this.#mayHave(filter, hash);
      for (; generation >= Math.max(this.#first, filter * generationsPerFilter); generation--) {
        if (generation >= this.#readFrom && (mayHave & bitOf(generation)) === 0) continue;
        const id = this.#rowOf(this.#keyOf(generation, traceId));
        if (id !== undefined) return id;
      }
    }
    return this.#hasFormat1 ? this.#rowOf(traceId) : undefined;
  }

  /** The row for a trace that has none, and its key, which is lent until the next call. */
  next(traceId: Uint8Array): { readonly id: number; readonly key: Uint8Array } {
    const id = this.#nextId++;
    this.#last = generationOf(id);
    this.#add(this.#last, this.#hashOf(traceId));
    return { id, key: this.#keyOf(this.#last, traceId) };
  }

  #look(): void {
    const { first, last, format1 } = this.#statements.ends.get() as Record<'first' | 'last' | 'format1', number>;
    this.#nextId = last + 1;
    this.#first = generationOf(first);
    this.#last = generationOf(last);
    this.#hasFormat1 = format1 === 1;
    if (this.#first < 0 || this.#last - this.#first > mostGenerations) throw new Damaged('its rows have odd numbers');
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
      this.#add(generation, this.#hashOf(keys.subarray(at, at + idBytes)));
  }

  #hashOf(id: Uint8Array): number {
    return this.#hash.of(word(id, 0), word(id, 4), word(id, 8), word(id, 12));
  }

  #add(generation: number, hash: number): void {
    const number = filterOf(generation);
    let filter = this.#filters.get(number);
    if (filter === undefined) this.#filters.set(number, (filter = new Uint8Array(bitsPerGeneration)));
    const bit = bitOf(generation);
    const step = stepOf(hash);
    for (let i = 0, at = hash; i < probes; i++, at += step) filter[at & (bitsPerGeneration - 1)] |= bit;
  }

  /** A bit for each generation of the filter. */
  #mayHave(number: number, hash: number): number {
    const filter = this.#filters.get(number);
    if (filter === undefined) return 0;
    const step = stepOf(hash);
    let bits = 0xff;
    for (let i = 0, at = hash; i < probes && bits !== 0; i++, at += step) bits &= filter[at & (bitsPerGeneration - 1)];
    return bits;
  }
}

/** The id in a row's `trace_id`. */
export const idIn = (key: Uint8Array): Uint8Array => key.subarray(-idBytes);

const generationOf = (id: number): number => Math.floor(id / tracesPerGeneration);
const filterOf = (generation: number): number => Math.floor(generation / generationsPerFilter);
const bitOf = (generation: number): number => 1 << (generation % generationsPerFilter);
/** The bits of the hash that do not say where it begins. */
const stepOf = (hash: number): number => (hash >>> 17) | 1;
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
