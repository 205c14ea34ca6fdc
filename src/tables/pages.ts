import type { Blocks } from './blocks.ts';

interface Block {
  readonly memory: ArrayBufferLike;
  /** Pages that came back. */
  readonly free: Int32Array[];
  /** Pages that were never carved from it. */
  fresh: number;
}

/** Pages of so many Int32 words, carved from blocks; a block goes back when none of its pages is in use. */
export class Pages {
  readonly pageBytes: number;
  readonly #words: number;
  readonly #source: Blocks;
  readonly #perBlock: number;
  readonly #blocks = new Map<ArrayBufferLike, Block>();
  /** Pages in use. */
  size = 0;

  constructor(words: number, source: Blocks) {
    this.#words = words;
    this.pageBytes = words * Int32Array.BYTES_PER_ELEMENT;
    this.#source = source;
    this.#perBlock = Math.floor(source.blockBytes / this.pageBytes);
  }

  /** A page, as somebody else left it. */
  take(): Int32Array {
    this.size++;
    // The oldest block with room: the later ones can empty.
    if (this.size <= this.#blocks.size * this.#perBlock) {
      for (const block of this.#blocks.values()) if (block.free.length + block.fresh > 0) return this.#of(block);
    }
    const block = { memory: this.#source.take(), free: [], fresh: this.#perBlock };
    this.#blocks.set(block.memory, block);
    return this.#of(block);
  }

  /** Nobody may look at the page any more. */
  giveBack(page: Int32Array): void {
    this.size--;
    const block = this.#blocks.get(page.buffer) as Block;
    block.free.push(page);
    if (block.free.length + block.fresh < this.#perBlock) return;
    this.#blocks.delete(page.buffer);
    this.#source.giveBack(page.buffer);
  }

  /** Bytes of the blocks that they are carved from. */
  get bytes(): number {
    return this.#blocks.size * this.#source.blockBytes;
  }

  /** Bytes of blocks that `pages` more would take. */
  bytesFor(pages: number): number {
    const blocks = Math.ceil((this.size + pages) / this.#perBlock);
    return Math.max(0, blocks - this.#blocks.size) * this.#source.blockBytes;
  }

  #of(block: Block): Int32Array {
    const page = block.free.pop();
    if (page !== undefined) return page;
    block.fresh--;
    return new Int32Array(block.memory, block.fresh * this.pageBytes, this.#words);
  }
}
