/** What is arriving lies in chunks of a power of two bytes, from this to that. */
const smallestChunkBytes = 1024;
export const largestChunkBytes = 128 * 1024;
const sizes = Math.log2(largestChunkBytes / smallestChunkBytes) + 1;

/** So much waits for the next requests; what comes back beyond it is let go at once. */
const maxFreeBytes = 16 * 1024 * 1024;
const trimEveryMs = 10_000;

/** The size of the largest chunk of at most `bytes`, or of the smallest there is. */
const sizeOf = (bytes: number): number =>
  bytes >= largestChunkBytes ? sizes - 1 : Math.max(0, 31 - Math.clz32(bytes / smallestChunkBytes));

/**
 * The memory in which unfinished messages lie, of all connections of a thread. The chunk that came back last is the
 * next to go out: it is in the processor's caches still, so that to copy through it costs little.
 */
export class Chunks {
  /** Bytes of chunks that are somebody's, and of those that wait for use. */
  heldBytes = 0;
  freeBytes = 0;
  /** Bytes let go so far, for the garbage collector to give to the system. */
  returnedBytes = 0;
  readonly #free: Buffer[][] = Array.from({ length: sizes }, () => []);
  /** Of each size, the fewest that were free since the last trim: those that nobody needed. */
  readonly #fewest: number[] = Array.from({ length: sizes }, () => 0);
  #trimmedAt = Number.NEGATIVE_INFINITY;

  /** How many bytes a chunk has that is asked for by `bytes`. */
  static bytesFor(bytes: number): number {
    return smallestChunkBytes << sizeOf(bytes);
  }

  /** A chunk of `bytesFor(bytes)` bytes, whatever was in it; the caller's until `give`. */
  take(bytes: number): Buffer {
    const size = sizeOf(bytes);
    const free = this.#free[size];
    let chunk = free.pop();
    if (chunk === undefined) chunk = Buffer.allocUnsafeSlow(smallestChunkBytes << size);
    else this.freeBytes -= chunk.length;
    if (free.length < this.#fewest[size]) this.#fewest[size] = free.length;
    this.heldBytes += chunk.length;
    return chunk;
  }

  give(chunk: Buffer): void {
    this.heldBytes -= chunk.length;
    if (this.freeBytes + chunk.length > maxFreeBytes) {
      this.returnedBytes += chunk.length;
      return;
    }
    this.freeBytes += chunk.length;
    this.#free[sizeOf(chunk.length)].push(chunk);
  }

  /** Every ten seconds, lets go of what nobody has needed for so long. `now` by the monotonic clock. */
  trim(now: number): void {
    if (now - this.#trimmedAt < trimEveryMs) return;
    this.#trimmedAt = now;
    for (let size = 0; size < sizes; size++) {
      // From the front: those have waited longest.
      const unneeded = this.#free[size].splice(0, this.#fewest[size]).length * (smallestChunkBytes << size);
      this.freeBytes -= unneeded;
      this.returnedBytes += unneeded;
      this.#fewest[size] = this.#free[size].length;
    }
  }
}

/** This thread's. */
export const chunks = new Chunks();
