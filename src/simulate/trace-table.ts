import { addTimes, durationOf } from '../buffer/trace-columns.ts';
import { randomnessBit, rootBit, type SpanConditions } from '../model/conditions.ts';
import { emptyPlace, type KeyOptions, moveTo } from '../model/predicates.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { IdHash } from '../tables/id-hash.ts';
import { KeyColumns, seenWords } from './key-columns.ts';
import type { Waits } from './waits.ts';

/** A trace's row, in Int32 words, with the words of its bits and then its keys behind them. Times are ms since the table's origin. */
export const Column = {
  /** Four words. */
  id: 0,
  randomnessHigh: 4,
  randomnessLow: 5,
  /** Of the spans that came before the decision, as a decision sees them. */
  spans: 6,
  bytes: 7,
  firstAfter: 8,
  /** When it is decided, or was. */
  dueAfter: 9,
  /** Of its root, or else of its first span: numbers of names; the name 0 = not known. */
  service: 10,
  rootName: 11,
  /** The first of its parts, or -1. */
  parts: 12,
  /** First start and last end, see buffer/trace-columns.ts. */
  times: 13,
  /** 1: it was decided, at that time. */
  isDecided: 17,
  bits: 18,
} as const;

/** What a service has of a trace, late spans too, in Int32 words. */
export const Part = { service: 0, spans: 1, bytes: 2, next: 3 } as const;
const partWords = 4;
const partsATrace = 4;
/** Services of one trace that are told apart: each span looks through them. */
const mostServices = 64;
const otherServices = 0;
const mostLevels = 30;

export interface TableOptions {
  readonly conditions: SpanConditions;
  /** What policies tell traces apart by. */
  readonly keys: readonly KeyOptions[];
  /** Of the sample, see `level`; the same in all tables that are to be joined. */
  readonly seed: number;
  readonly maxTraces: number;
  readonly waits: Waits;
}

/** What a table holds, to be sent to another thread. */
export interface TableRows {
  readonly level: number;
  readonly count: number;
  readonly rows: Int32Array<ArrayBuffer>;
  readonly parts: Int32Array<ArrayBuffer>;
  /** See KeyColumns. */
  readonly seen: Int32Array<ArrayBuffer>;
}

/**
 * Traces by id, with what a decision asks of each: bits, times, numbers. Its memory is bounded: where there are more
 * traces than fit, those of a fair half stay, by a hash of their ids that has nothing to do with the randomness by
 * which shares are kept, and so on. Every trace in it is there with all of its spans.
 */
export class TraceTable {
  readonly stride: number;
  rows: Int32Array<ArrayBuffer>;
  parts: Int32Array<ArrayBuffer>;
  count = 0;
  /** One in 2^level traces is here. */
  level = 0;
  readonly keys: KeyColumns;
  readonly #place = emptyPlace();
  readonly #hash: IdHash;
  readonly #index: Int32Array;
  readonly #mask: number;
  readonly #options: TableOptions;
  #partCount = 0;
  #last = -1;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#hash = new IdHash(options.seed);
    const bitsEnd = Column.bits + options.conditions.words;
    this.keys = new KeyColumns(options.keys, bitsEnd, options);
    this.stride = bitsEnd + this.keys.words;
    this.rows = new Int32Array(options.maxTraces * this.stride);
    this.parts = new Int32Array(options.maxTraces * partsATrace * partWords);
    const places = 2 ** Math.ceil(Math.log2(options.maxTraces * 2));
    this.#index = new Int32Array(places);
    this.#mask = places - 1;
  }

  /** Where the row of the trace with the id at ids[from … from + 4) starts; -1 where it is not in the sample. */
  rowOf(ids: Int32Array, from: number, after: number): number {
    const isFull = (): boolean => this.#partCount * partWords === this.parts.length || this.keys.isFull;
    while (isFull() && this.level < mostLevels) this.#halve();
    if (this.#last >= 0 && this.#isAt(this.#last, ids, from)) return this.#last;
    const hash = this.#hash.of(ids[from], ids[from + 1], ids[from + 2], ids[from + 3]);
    while (this.#isIn(hash)) {
      let i = hash & this.#mask;
      for (; this.#index[i] !== 0; i = (i + 1) & this.#mask) {
        const at = (this.#index[i] - 1) * this.stride;
        if (this.#isAt(at, ids, from)) return (this.#last = at);
      }
      if (this.count < this.#options.maxTraces) return (this.#last = this.#open(i, ids, from, after));
      if (this.level === mostLevels) break;
      this.#halve();
    }
    return -1;
  }

  /** Where the row of the trace with this id starts; -1 where it is not here. */
  find(ids: Int32Array, from: number): number {
    const hash = this.#hash.of(ids[from], ids[from + 1], ids[from + 2], ids[from + 3]);
    for (let i = hash & this.#mask; this.#index[i] !== 0; i = (i + 1) & this.#mask) {
      const at = (this.#index[i] - 1) * this.stride;
      if (this.#isAt(at, ids, from)) return at;
    }
    return -1;
  }

  /** Would the trace with this id be in the sample? */
  samples(ids: Int32Array, from: number): boolean {
    return this.#isIn(this.#hash.of(ids[from], ids[from + 1], ids[from + 2], ids[from + 3]));
  }

  /** It was decided then. */
  setDecided(at: number, after: number): void {
    this.rows[at + Column.dueAfter] = after;
    this.rows[at + Column.isDecided] = 1;
  }

  /** Adds a slice, which lies in `buf`, to its trace's row. */
  add(at: number, buf: Uint8Array, rows: Int32Array, row: number, after: number, service: number): void {
    const mine = this.rows;
    const bytes = rows[row + Slice.length];
    this.#addPart(at, service, 1, bytes);
    if (after >= mine[at + Column.dueAfter]) return;
    const bits = rows[row + Slice.bits];
    if ((bits & randomnessBit) !== 0) {
      mine[at + Column.randomnessHigh] = rows[row + Slice.randomnessHigh];
      mine[at + Column.randomnessLow] = rows[row + Slice.randomnessLow];
    }
    const { words, timesAt } = this.#options.conditions;
    mine[at + Column.bits] |= bits;
    for (let i = 1; i < words; i++) mine[at + Column.bits + i] |= rows[row + sliceWords + i - 1];
    if (timesAt > 0) addTimes(mine, at + Column.times, rows, row + timesAt);
    if (this.keys.words > 0) this.#addKeys(at, buf, rows, row, after);
    mine[at + Column.spans]++;
    mine[at + Column.bytes] += bytes;
    const { afterRootMs, maxTraceBytes } = this.#options.waits;
    if ((bits & rootBit) !== 0 && afterRootMs > 0) this.#dueBy(at, after + afterRootMs);
    if (mine[at + Column.bytes] >>> 0 > maxTraceBytes) this.#dueBy(at, after);
  }

  #addKeys(at: number, buf: Uint8Array, rows: Int32Array, row: number, after: number): void {
    const place = moveTo(this.#place, buf, rows, row);
    this.keys.add(this.rows, at, place, after, this.rows[at + Column.spans]);
  }

  /** Has nothing been added yet? */
  isNew(at: number): boolean {
    return this.rows[at + Column.parts] < 0;
  }

  setRoot(at: number, service: number, name: number): void {
    this.rows[at + Column.service] = service;
    this.rows[at + Column.rootName] = name;
  }

  get conditionWords(): number {
    return this.#options.conditions.words;
  }

  durationNs(at: number): number {
    return durationOf(this.rows, at + Column.times);
  }

  /** Adds what another table has, whose names have these numbers here. The rows from `first` up to `end`. */
  merge(other: TableRows, services: Int32Array, names: Int32Array, first: number, end: number): void {
    for (let at = first * this.stride; at < end * this.stride; at += this.stride) {
      const to = this.rowOf(other.rows, at, other.rows[at + Column.firstAfter]);
      if (to >= 0) this.#mergeRow(to, other, at, services, names);
    }
  }

  /** At least this level: traces that are not in it go. */
  thin(level: number): void {
    while (this.level < level) this.#halve();
  }

  /** A copy of what is in use. */
  taken(): TableRows {
    return {
      level: this.level,
      count: this.count,
      rows: this.rows.slice(0, this.count * this.stride),
      parts: this.parts.slice(0, this.#partCount * partWords),
      seen: this.keys.seen.slice(0, this.keys.seenCount * seenWords),
    };
  }

  #mergeRow(to: number, other: TableRows, from: number, services: Int32Array, names: Int32Array): void {
    const { rows: theirs, parts } = other;
    const mine = this.rows;
    const isNew = this.isNew(to);
    for (let part = theirs[from + Column.parts]; part >= 0; part = parts[part + Part.next])
      this.#addPart(to, services[parts[part + Part.service]], parts[part + Part.spans], parts[part + Part.bytes]);
    const service = services[theirs[from + Column.service]];
    const hasRoot = (theirs[from + Column.bits] & rootBit) !== 0;
    if (isNew || hasRoot) this.setRoot(to, service, names[theirs[from + Column.rootName]]);
    const [isDecided, due] = this.#dueOf(to, theirs, from);
    mine[to + Column.isDecided] = isDecided;
    mine[to + Column.dueAfter] = due;
    if (theirs[from + Column.firstAfter] >= due) return;
    if (!isNew && mine[to + Column.firstAfter] >= due) this.#forgetFacts(to);
    mine[to + Column.firstAfter] = Math.min(mine[to + Column.firstAfter], theirs[from + Column.firstAfter]);
    this.keys.merge(mine, to, theirs, from, other.seen);
    if ((theirs[from + Column.bits] & randomnessBit) !== 0) {
      mine[to + Column.randomnessHigh] = theirs[from + Column.randomnessHigh];
      mine[to + Column.randomnessLow] = theirs[from + Column.randomnessLow];
    }
    mine[to + Column.spans] += theirs[from + Column.spans];
    mine[to + Column.bytes] += theirs[from + Column.bytes];
    addTimes(mine, to + Column.times, theirs, from + Column.times);
    const { words } = this.#options.conditions;
    for (let i = Column.bits; i < Column.bits + words; i++) mine[to + i] |= theirs[from + i];
  }

  /** What is known of a decision is more than what two shards expect of it. */
  #dueOf(to: number, theirs: Int32Array, from: number): readonly [isDecided: number, dueAfter: number] {
    const [mine, other] = [this.rows[to + Column.dueAfter], theirs[from + Column.dueAfter]];
    if (this.rows[to + Column.isDecided] === 1) return [1, mine];
    if (theirs[from + Column.isDecided] === 1) return [1, other];
    return [0, Math.min(mine, other)];
  }

  /** All that was here came after the decision. */
  #forgetFacts(at: number): void {
    this.rows[at + Column.spans] = this.rows[at + Column.bytes] = 0;
    this.rows.fill(0, at + Column.times, at + Column.isDecided);
    this.rows.fill(0, at + Column.bits, at + this.stride);
  }

  #open(place: number, ids: Int32Array, from: number, after: number): number {
    const at = this.count++ * this.stride;
    this.#index[place] = this.count;
    const { rows } = this;
    rows.fill(0, at, at + this.stride);
    for (let i = 0; i < 4; i++) rows[at + i] = ids[from + i];
    rows[at + Column.firstAfter] = after;
    rows[at + Column.dueAfter] = after + this.#options.waits.waitMs;
    rows[at + Column.parts] = -1;
    return at;
  }

  #dueBy(at: number, after: number): void {
    if (this.rows[at + Column.isDecided] === 1) return;
    this.rows[at + Column.dueAfter] = Math.min(this.rows[at + Column.dueAfter], after);
  }

  #addPart(at: number, service: number, spans: number, bytes: number): void {
    const { parts, rows } = this;
    let count = 0;
    let part = rows[at + Column.parts];
    for (; part >= 0 && parts[part + Part.service] !== service; part = parts[part + Part.next]) {
      if (++count === mostServices - 1) service = otherServices;
      if (count === mostServices) break;
    }
    if (part < 0) {
      // Where there is no room even in the smallest sample, it goes to what was there last.
      const isFull = this.#partCount * partWords === parts.length;
      part = isFull ? (this.#partCount - 1) * partWords : this.#partCount++ * partWords;
      if (!isFull) {
        parts[part + Part.service] = service;
        parts[part + Part.spans] = parts[part + Part.bytes] = 0;
        parts[part + Part.next] = rows[at + Column.parts];
        rows[at + Column.parts] = part;
      }
    }
    parts[part + Part.spans] += spans;
    parts[part + Part.bytes] += bytes;
  }

  #isIn(hash: number): boolean {
    return this.level === 0 || hash >>> (32 - this.level) === 0;
  }

  #isAt(at: number, ids: Int32Array, from: number): boolean {
    const { rows } = this;
    return (
      rows[at + 3] === ids[from + 3] &&
      rows[at + 2] === ids[from + 2] &&
      rows[at + 1] === ids[from + 1] &&
      rows[at] === ids[from]
    );
  }

  /** Half of the traces go, and the others move together. */
  #halve(): void {
    this.level++;
    this.#last = -1;
    this.#index.fill(0);
    const old = this.parts;
    const oldSeen = this.keys.begin();
    const { rows, stride, count } = this;
    this.parts = new Int32Array(old.length);
    this.#partCount = 0;
    this.count = 0;
    for (let n = 0, at = 0; n < count; n++, at += stride) {
      const hash = this.#hash.of(rows[at], rows[at + 1], rows[at + 2], rows[at + 3]);
      if (!this.#isIn(hash)) continue;
      const to = this.count++ * stride;
      rows.copyWithin(to, at, at + stride);
      let part = rows[to + Column.parts];
      rows[to + Column.parts] = -1;
      for (; part >= 0; part = old[part + Part.next])
        this.#addPart(to, old[part + Part.service], old[part + Part.spans], old[part + Part.bytes]);
      this.keys.move(rows, to, oldSeen);
      let i = hash & this.#mask;
      while (this.#index[i] !== 0) i = (i + 1) & this.#mask;
      this.#index[i] = this.count;
    }
  }
}
