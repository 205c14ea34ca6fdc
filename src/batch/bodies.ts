/** Bodies are as long as chance has it: rounded up, the next one fits too. */
const roundBytes = 64 * 1024;

/**
 * The memory of request bodies, for those to come. A body that is made anew is fresh memory, which the system must find
 * and clear page by page, milliseconds in the middle of a decision turn, and then garbage of megabytes a second.
 */
export class Bodies {
  readonly #usualBytes: number;
  /** What came back last is taken first. */
  readonly #spare: ArrayBuffer[] = [];
  /** The fewest that were spare since the last `trim`: nobody has needed those. */
  #fewest = 0;

  /** `usualBytes`: of a full batch. */
  constructor(usualBytes: number) {
    this.#usualBytes = usualBytes;
  }

  /** Memory for a body of so many bytes; what it holds is left from another. */
  take(bytes: number): Uint8Array {
    const at = this.#spare.findLastIndex((memory) => memory.byteLength >= bytes);
    const [memory] = at < 0 ? [this.#allocate(bytes)] : this.#spare.splice(at, 1);
    this.#fewest = Math.min(this.#fewest, this.#spare.length);
    return new Uint8Array(memory, 0, bytes);
  }

  /** Nobody may look at the body any more. */
  giveBack({ buffer }: Uint8Array): void {
    this.#spare.push(buffer as ArrayBuffer);
  }

  /** Bytes of those that nobody has. */
  get spareBytes(): number {
    return this.#spare.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  trim(): void {
    this.#spare.splice(0, this.#fewest);
    this.#fewest = this.#spare.length;
  }

  /** Full batches differ by a trace's length. */
  #allocate(bytes: number): ArrayBuffer {
    const isUsual = bytes > this.#usualBytes / 2 && bytes <= this.#usualBytes;
    return new ArrayBuffer(isUsual ? this.#usualBytes : Math.ceil(bytes / roundBytes) * roundBytes);
  }
}
