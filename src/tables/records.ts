import type { Blocks } from './blocks.ts';
import { Pages } from './pages.ts';

/**
 * Fixed-size records of Int32 words, in pages, so that a table of millions grows without copying and shrinks page by
 * page. A record is named by its slot. Records hold numbers only: nothing here is visible to the garbage collector but
 * the pages.
 *
 *   slot = page × 1024 + row        page.words[row × stride … + stride)
 */
export const pageRows = 1024;
const pageShift = 10;
const rowMask = pageRows - 1;

export class Records {
  readonly stride: number;
  /** Pages by number; undefined where a page was given back. */
  readonly pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;
  readonly #live: number[] = [];
  /**
   * First row of each page's list of free rows; a free row's first word names the next, -1 ends. Rows past `#fresh`
   * were never used.
   */
  readonly #free: number[] = [];
  readonly #fresh: number[] = [];
  /** No page below this one has room. */
  #firstWithRoom = 0;
  /** Records in use. */
  size = 0;
  /** Told the number of a page that is given back. */
  onPageGone: ((number: number) => void) | undefined = undefined;

  constructor(stride: number, blocks: Blocks) {
    this.stride = stride;
    this.#memory = new Pages(pageRows * stride, blocks);
  }

  /** The page that holds a slot; with `at(slot)` the way to its words. */
  page(slot: number): Int32Array {
    return this.pages[slot >>> pageShift] as Int32Array;
  }

  /** Where in its page a slot's words start. */
  at(slot: number): number {
    return (slot & rowMask) * this.stride;
  }

  /** A record with all words zero. The lowest page with room is taken, so that the highest ones can empty. */
  allocate(): number {
    let number = this.#firstWithRoom;
    while (number < this.pages.length && this.#live[number] === pageRows) number++;
    this.#firstWithRoom = number;
    const page = (this.pages[number] ??= this.#open(number));
    let row = this.#free[number];
    if (row >= 0) {
      const at = row * this.stride;
      this.#free[number] = page[at];
      page.fill(0, at, at + this.stride);
    } else row = this.#fresh[number]++;
    this.#live[number]++;
    this.size++;
    return number * pageRows + row;
  }

  release(slot: number): void {
    const number = slot >>> pageShift;
    const row = slot & rowMask;
    const page = this.pages[number] as Int32Array;
    page[row * this.stride] = this.#free[number];
    this.#free[number] = row;
    this.size--;
    if (number < this.#firstWithRoom) this.#firstWithRoom = number;
    if (--this.#live[number] > 0) return;
    this.#memory.giveBack(page);
    this.pages[number] = undefined;
    this.onPageGone?.(number);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Pages in use. */
  get pageCount(): number {
    return this.#memory.size;
  }

  /** Bytes that `records` more would take. */
  bytesFor(records: number): number {
    const free = this.#memory.size * pageRows - this.size;
    return this.#memory.bytesFor(Math.ceil(Math.max(0, records - free) / pageRows));
  }

  #open(number: number): Int32Array {
    this.#live[number] = 0;
    this.#free[number] = -1;
    this.#fresh[number] = 0;
    return this.#memory.take().fill(0);
  }
}
