import { Slice } from '../model/slice.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import type { Segment } from './segments.ts';

/**
 * The rows that say where waiting slices lie, in Int32 words, in pages that belong to one segment and go with it. A row
 * is named by page × 1024 + index.
 */
export const Row = {
  /** The first four words are those of model/slice.ts, so that whoever emits a slice reads either. */
  start: Slice.start,
  /** With `rootFlag` and `firstFlag`. */
  length: Slice.length,
  resourceSpans: Slice.resourceSpans,
  scopeSpans: Slice.scopeSpans,
  /** The slot of its trace; -1 when that is gone. */
  trace: 4,
  /** The next row of the trace, -1 ends. */
  next: 5,
} as const;
export const rowWords = 6;
const pageRows = 1024;
const pageShift = 10;
const rowMask = pageRows - 1;
/** Set in `Row.length` of a root. */
export const rootFlag = 1 << 31;
/** Set in `Row.length` of a slice that said something first in its trace: a condition held for it, or it took longest. */
export const firstFlag = 1 << 30;

export class Slices {
  /** Undefined where no page is; its memory went back. */
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;
  /** Which segment a page's slices lie in, and how many rows it has. */
  readonly #segmentOf: number[] = [];
  readonly #rows: number[] = [];
  /** Numbers of pages that are no more. */
  readonly #free: number[] = [];

  constructor(blocks: Blocks) {
    this.#memory = new Pages(pageRows * rowWords, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Bytes that so many more rows of one segment would take; at most, where it is not said which. */
  bytesFor(rows: number, segment?: Segment): number {
    const last = segment?.rowPages.at(-1);
    const room = last === undefined ? 0 : pageRows - this.#rows[last];
    const pages = Math.ceil(Math.max(0, rows - room) / pageRows);
    return this.#memory.bytesFor(segment === undefined ? pages + 1 : pages);
  }

  /** Adds a row to the pages of segment `number`; what it says is left to be written. */
  add(number: number, segment: Segment): number {
    let page = segment.rowPages.at(-1) ?? -1;
    if (page < 0 || this.#rows[page] === pageRows) page = this.#open(number, segment);
    const index = this.#rows[page]++;
    return (page << pageShift) | index;
  }

  words(row: number): Int32Array {
    return this.#pages[row >>> pageShift] as Int32Array;
  }

  at(row: number): number {
    return (row & rowMask) * rowWords;
  }

  segmentOf(row: number): number {
    return this.#segmentOf[row >>> pageShift];
  }

  /** The slices of a page now lie in another segment. */
  move(page: number, segment: number): void {
    this.#segmentOf[page] = segment;
  }

  /** Every row of a page: how many, to be walked as page × 1024 + i. */
  rowsIn(page: number): number {
    return this.#rows[page];
  }

  /** Takes back the pages of a segment that is given back. */
  release(segment: Segment): void {
    for (const page of segment.rowPages) {
      this.#memory.giveBack(this.#pages[page] as Int32Array);
      this.#pages[page] = undefined;
      this.#free.push(page);
    }
    segment.rowPages.length = 0;
  }

  #open(number: number, segment: Segment): number {
    const page = this.#free.pop() ?? this.#pages.length;
    this.#pages[page] = this.#memory.take();
    this.#segmentOf[page] = number;
    this.#rows[page] = 0;
    segment.rowPages.push(page);
    return page;
  }
}

export const isRoot = (length: number): boolean => length < 0;
export const isFirst = (length: number): boolean => (length & firstFlag) !== 0;
export const bytesOf = (length: number): number => length & ~(rootFlag | firstFlag);
