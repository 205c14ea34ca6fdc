/** What malloc maps from the system and gives back whole (bin/node sets the bound); smaller ones would lie between others that stay. */
const largestBlock = 4 * 1024 * 1024;
/** Holds the largest page that is carved from one. */
const smallestBlock = 128 * 1024;

/**
 * A power of two, so that a buffer of 2 MiB and more is at least 16 blocks; 8 are enough where they are the largest,
 * which alone go back to the system whole.
 */
function blockBytesFor(maxBytes: number): number {
  if (maxBytes >= 8 * largestBlock) return largestBlock;
  const wanted = 2 ** Math.floor(Math.log2(maxBytes / 16));
  return Math.max(smallestBlock, Math.min(largestBlock, wanted));
}

interface BlocksOptions {
  /** Shared memory where there are several shards. */
  readonly allocate?: (bytes: number) => ArrayBufferLike;
  /** Gives what was let go to the system now; a pause. */
  readonly collect?: () => void;
}

/**
 * The memory of one shard's buffer, in blocks of one size: messages, rows, records and indexes are all carved from
 * them, so that what one kind of traffic has left is the next kind's at once, and nobody need wait for the garbage
 * collector to give it to the system (docs/decisions/0010). It is counted here, by whole blocks, and nowhere else.
 *
 *   bytes = in use + kept (by whoever took it, ready to be given back) + idle (nobody's)         in use ≤ maxBytes
 */
export class Blocks {
  readonly blockBytes: number;
  readonly maxBytes: number;
  readonly #allocate: (bytes: number) => ArrayBufferLike;
  readonly #collect: (() => void) | undefined;
  /** What came back last is taken first. */
  readonly #idle: ArrayBufferLike[] = [];
  /** The fewest of them that there were since `trim`. */
  #fewestIdle = 0;
  /** Of those that nobody needed, the ones still to go. */
  #unneeded = 0;
  #takenBytes = 0;
  #keptBytes = 0;
  #heldBytes = 0;
  /** Let go since the last collection that was asked for. */
  #uncollectedBytes = 0;
  /** Let go, and not taken by the collector yet. */
  #leavingBytes = 0;
  readonly #leaving = new FinalizationRegistry<number>((bytes) => (this.#leavingBytes -= bytes));
  /** Bytes let go so far. */
  returnedBytes = 0;
  #reclaim: () => void = () => {};

  constructor(maxBytes: number, { allocate = (bytes) => new ArrayBuffer(bytes), collect }: BlocksOptions = {}) {
    this.maxBytes = maxBytes;
    this.blockBytes = blockBytesFor(maxBytes);
    this.#allocate = allocate;
    this.#collect = collect;
  }

  /** Bytes that something lies in: what the limit is about. */
  get inUseBytes(): number {
    return this.#takenBytes - this.#keptBytes + this.#heldBytes;
  }

  /** Bytes there are, in use or not. */
  get bytes(): number {
    return this.#takenBytes + this.#heldBytes + this.#idle.length * this.blockBytes;
  }

  /** Bytes that nothing lies in: kept, idle, or on their way to the system. */
  get spareBytes(): number {
    return this.bytes - this.inUseBytes + this.#leavingBytes;
  }

  /** Bytes that may be taken into use; below zero where more is in use than there should be. */
  get freeBytes(): number {
    return this.maxBytes - this.inUseBytes;
  }

  /** Calls `reclaim` before memory is allocated beyond the limit: it gives back, by `giveBack`, what is kept. */
  onShortage(reclaim: () => void): void {
    this.#reclaim = reclaim;
  }

  /** So much more of what was taken is only kept for later; less where it is negative. */
  keep(bytes: number): void {
    this.#keptBytes += bytes;
  }

  /** So many bytes of memory that is not from here count as well; fewer where it is negative. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  /** A block, as somebody else left it. */
  take(): ArrayBufferLike {
    if (this.#idle.length === 0 && this.bytes + this.blockBytes > this.maxBytes && this.#keptBytes > 0) this.#reclaim();
    const idle = this.#idle.pop();
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.length);
    this.#takenBytes += this.blockBytes;
    return idle ?? this.#allocate(this.blockBytes);
  }

  /** Nobody may look at the block any more. */
  giveBack(block: ArrayBufferLike): void {
    this.#takenBytes -= this.blockBytes;
    this.#idle.push(block);
  }

  /** Memory for something larger than a block. It is made for that, so what is idle goes first. */
  takeLarge(bytes: number): ArrayBufferLike {
    if (this.bytes + bytes > this.maxBytes && this.#keptBytes > 0) this.#reclaim();
    while (this.#idle.length > 0 && this.bytes + bytes > this.maxBytes)
      this.#letGo(this.#idle.pop() as ArrayBufferLike);
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.length);
    if (this.#uncollectedBytes > 0 && this.bytes + this.#uncollectedBytes + bytes > this.maxBytes) {
      this.#collect?.();
      this.#uncollectedBytes = 0;
    }
    this.#takenBytes += bytes;
    return this.#allocate(bytes);
  }

  /** Lets memory go that was taken, a block or larger. */
  drop(memory: ArrayBufferLike): void {
    this.#takenBytes -= memory.byteLength;
    this.#letGo(memory);
  }

  /** What nobody has needed since the last call may go: traffic comes in bursts, and fresh memory is slow. */
  trim(): void {
    this.#unneeded = this.#fewestIdle;
    this.#fewestIdle = this.#idle.length;
  }

  /**
   * Lets the next of what may go go: as many as are idle for each in use, so one after the other where there is traffic.
   * The system takes a millisecond for each, and gigabytes at once would hold it up for tenths of a second.
   */
  shrink(): void {
    const inUse = this.#takenBytes / this.blockBytes;
    const most = Math.max(1, Math.floor(this.#idle.length / Math.max(1, inUse)));
    this.#unneeded = Math.min(this.#unneeded, this.#fewestIdle);
    for (let n = Math.min(this.#unneeded, most); n > 0; n--) {
      this.#letGo(this.#idle.shift() as ArrayBufferLike);
      this.#unneeded--;
    }
    this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle.length);
  }

  #letGo(memory: ArrayBufferLike): void {
    const { byteLength } = memory;
    this.returnedBytes += byteLength;
    this.#uncollectedBytes += byteLength;
    this.#leavingBytes += byteLength;
    this.#leaving.register(memory, byteLength);
  }
}
