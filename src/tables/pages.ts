/**
 * A block is an allocation that malloc maps from the system and gives back whole (bin/node sets the bound); smaller
 * ones would lie between others that stay.
 */
const leastBlockBytes = 4 << 20;

interface Block {
  readonly memory: ArrayBuffer;
  readonly free: Int32Array[];
}

/**
 * Blocks of which no page is in use are kept for the next traces, one and this share of those in use, so that nothing
 * goes to and fro.
 */
const idleShare = 1 / 8;

/**
 * Pages of so many Int32 words, carved from blocks. Blocks that are in nobody's use are let go; the garbage collector
 * gives them to the system. They are not freed by `transfer`, see docs/decisions/0005. Pages come as they were left.
 */
export class Pages {
  readonly #pageBytes: number;
  readonly #perBlock: number;
  readonly #blocks = new Map<ArrayBuffer, Block>();
  /** Blocks of which no page is in use. */
  readonly #idle: Block[] = [];

  constructor(words: number) {
    this.#pageBytes = words * Int32Array.BYTES_PER_ELEMENT;
    this.#perBlock = Math.ceil(leastBlockBytes / this.#pageBytes);
  }

  take(): Int32Array {
    // The oldest block with room: the later ones can empty.
    for (const { free } of this.#blocks.values())
      if (free.length > 0 && free.length < this.#perBlock) return free.pop() as Int32Array;
    return (this.#idle.pop() ?? this.#allocate()).free.pop() as Int32Array;
  }

  /** Nobody may look at the page any more. */
  giveBack(page: Int32Array): void {
    const block = this.#blocks.get(page.buffer as ArrayBuffer) as Block;
    block.free.push(page);
    if (block.free.length < this.#perBlock) return;
    this.#idle.push(block);
    while (this.#idle.length - 1 > (this.#blocks.size - this.#idle.length) * idleShare)
      this.#blocks.delete((this.#idle.shift() as Block).memory);
  }

  get bytes(): number {
    return this.#blocks.size * this.#perBlock * this.#pageBytes;
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
