/** A block is an allocation that malloc maps from the system and gives back whole; smaller ones would lie between others that stay. */
const leastBlockBytes = 1 << 20;

interface Block {
  readonly memory: ArrayBuffer;
  readonly free: Int32Array[];
}

/**
 * Pages of so many Int32 words, carved from blocks. A block goes back to the system as soon as none of its pages is in use, but for one that
 * is kept for the next, so that nothing goes to and fro. Pages come as they were left.
 */
export class Pages {
  readonly #pageBytes: number;
  readonly #perBlock: number;
  readonly #blocks = new Map<ArrayBuffer, Block>();
  /** A block of which no page is in use. */
  #idle: Block | undefined;

  constructor(words: number) {
    this.#pageBytes = words * Int32Array.BYTES_PER_ELEMENT;
    this.#perBlock = Math.ceil(leastBlockBytes / this.#pageBytes);
  }

  take(): Int32Array {
    // The oldest block with room: the later ones can empty.
    for (const block of this.#blocks.values())
      if (block.free.length > 0 && block !== this.#idle) return this.#from(block);
    return this.#from(this.#idle ?? this.#allocate());
  }

  /** Nobody may look at the page any more. */
  giveBack(page: Int32Array): void {
    const block = this.#blocks.get(page.buffer as ArrayBuffer) as Block;
    block.free.push(page);
    if (block.free.length < this.#perBlock) return;
    if (this.#idle !== undefined) {
      this.#blocks.delete(block.memory);
      // Not left to the garbage collector, which an idle process does not run.
      block.memory.transfer(0);
    } else this.#idle = block;
  }

  get bytes(): number {
    return this.#blocks.size * this.#perBlock * this.#pageBytes;
  }

  #from(block: Block): Int32Array {
    if (block === this.#idle) this.#idle = undefined;
    return block.free.pop() as Int32Array;
  }

  #allocate(): Block {
    const memory = new ArrayBuffer(this.#pageBytes * this.#perBlock);
    const words = this.#pageBytes / Int32Array.BYTES_PER_ELEMENT;
    const free = Array.from({ length: this.#perBlock }, (_, i) => new Int32Array(memory, i * this.#pageBytes, words));
    const block = { memory, free: free.reverse() };
    this.#blocks.set(memory, block);
    return block;
  }
}
