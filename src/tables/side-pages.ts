import type { Blocks } from './blocks.ts';
import { Pages } from './pages.ts';
import { pageRows } from './records.ts';

/**
 * Words that few records have: they stand beside the records, under the same slots, in pages that are made when the
 * first record of a page has some.
 */
export class SidePages {
  readonly #rowWords: number;
  readonly #fill: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;

  /** `fill`: what the words are of records that have none, in a page of one that has. */
  constructor(rowWords: number, fill: number, blocks: Blocks) {
    this.#rowWords = rowWords;
    this.#fill = fill;
    this.#memory = new Pages(pageRows * rowWords, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** The page with a record's words, which begin at `at(slot)`; undefined where no record of it ever had some. */
  page(slot: number): Int32Array | undefined {
    // Mostly there are none at all, and a read beyond an array's end is slow.
    return this.#pages.length === 0 ? undefined : this.#pages[Math.floor(slot / pageRows)];
  }

  /** The same, made where there is none. */
  open(slot: number): Int32Array {
    return (this.#pages[Math.floor(slot / pageRows)] ??= this.#memory.take().fill(this.#fill));
  }

  at(slot: number): number {
    return (slot % pageRows) * this.#rowWords;
  }
}
