import { sliceWords } from '../model/slice.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import { pageRows, type Records } from '../tables/records.ts';

/**
 * What the rules in force ask of traces beyond the first word of bits: further words, and when the first span started and
 * the last one ended. Few rules ask for them, so they stand beside the records of traces, under the same slots:
 *
 *   | bits … | start: upper, lower 32 bits | end: upper, lower |       in the order of a slice's row, see SpanConditions
 *
 * They hold what spans said that were scanned under these conditions; a trace that has others is scanned again.
 */
export class TraceColumns {
  /** The number of the conditions, see shard/revision.ts. */
  readonly conditions: number;
  readonly #width: number;
  readonly #bitWords: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;
  readonly #traces: Records;

  /** `rowWords`, `words`: of SpanConditions. */
  constructor(
    conditions: number,
    { rowWords, words }: { rowWords: number; words: number },
    traces: Records,
    blocks: Blocks,
  ) {
    this.conditions = conditions;
    this.#width = rowWords - sliceWords;
    this.#bitWords = words - 1;
    this.#memory = new Pages(pageRows * this.#width, blocks);
    this.#traces = traces;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Bytes that so many new traces would take at most. */
  bytesFor(traces: number): number {
    const missing = this.#traces.pageCount + Math.ceil(traces / pageRows) - this.#memory.size;
    return this.#memory.bytesFor(Math.min(traces, Math.max(0, missing)));
  }

  page(slot: number): Int32Array {
    return this.#pages[Math.floor(slot / pageRows)] as Int32Array;
  }

  at(slot: number): number {
    return (slot % pageRows) * this.#width;
  }

  /** A new trace. */
  begin(slot: number): void {
    const number = Math.floor(slot / pageRows);
    const page = (this.#pages[number] ??= this.#memory.take());
    const at = this.at(slot);
    page.fill(0, at, at + this.#width);
  }

  /** Adds what a slice's row says from rows[from] on, behind its common words; whether it has a bit that none had before. */
  add(slot: number, rows: Int32Array, from: number): boolean {
    const page = this.page(slot);
    const at = this.at(slot);
    const bitWords = this.#bitWords;
    let news = 0;
    for (let i = 0; i < bitWords; i++) {
      news |= rows[from + i] & ~page[at + i];
      page[at + i] |= rows[from + i];
    }
    if (bitWords !== this.#width) addTimes(page, at + bitWords, rows, from + bitWords);
    return news !== 0;
  }

  /** The traces of a page of records are no more. */
  giveBack(number: number): void {
    const page = this.#pages[number];
    if (page === undefined) return;
    this.#pages[number] = undefined;
    this.#memory.giveBack(page);
  }

  /** Other conditions are in force. */
  close(): void {
    for (let number = 0; number < this.#pages.length; number++) this.giveBack(number);
  }
}

/**
 * The earlier start and the later end of a[at …] and b[from …], four words each; a time of zero is none. Source: the
 * Collector's latency policy, which knows no other way to say that a time is missing.
 */
export function addTimes(a: Int32Array, at: number, b: Int32Array, from: number): void {
  if (isTime(b, from) && (!isTime(a, at) || isBefore(b, from, a, at))) copy(b, from, a, at);
  if (isTime(b, from + 2) && (!isTime(a, at + 2) || isBefore(a, at + 2, b, from + 2))) copy(b, from + 2, a, at + 2);
}

/** Nanoseconds from the start to the end at words[at …]; 0 where one is missing or they are the other way round. */
export function durationOf(words: Int32Array, at: number): number {
  if (!isTime(words, at) || !isTime(words, at + 2)) return 0;
  const high = (words[at + 2] >>> 0) - (words[at] >>> 0);
  return Math.max(0, high * 4294967296 + ((words[at + 3] >>> 0) - (words[at + 1] >>> 0)));
}

const isTime = (words: Int32Array, at: number): boolean => words[at] !== 0 || words[at + 1] !== 0;

function isBefore(a: Int32Array, at: number, b: Int32Array, from: number): boolean {
  const high = (a[at] >>> 0) - (b[from] >>> 0);
  return high !== 0 ? high < 0 : a[at + 1] >>> 0 < b[from + 1] >>> 0;
}

function copy(from: Int32Array, fromAt: number, to: Int32Array, at: number): void {
  to[at] = from[fromAt];
  to[at + 1] = from[fromAt + 1];
}
