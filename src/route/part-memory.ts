const smallest = 4096;
/** Of what is kept: what fifty ordinary requests have at a time, or many small ones. Calls answer for several at once. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Memory of parts that were delivered, for those to come: fresh memory for each means that the system must find and
 * clear every page of it.
 */
export class PartMemory {
  readonly #bySize = new Map<number, Uint8Array[]>();
  #bytes = 0;

  /** At least so long; whatever was in it. */
  take(length: number): Uint8Array {
    const size = sizeFor(length);
    const spare = this.#bySize.get(size)?.pop();
    if (spare === undefined) return new Uint8Array(size);
    this.#bytes -= size;
    return spare;
  }

  /** What was taken, or a part's body or rows, which were written into it. Nobody may look at it any more. */
  giveBack({ buffer }: Uint8Array | Int32Array): void {
    const size = buffer.byteLength;
    if (size !== sizeFor(size) || this.#bytes + size > maxBytes) return;
    this.#bytes += size;
    const same = this.#bySize.get(size);
    if (same === undefined) this.#bySize.set(size, [new Uint8Array(buffer)]);
    else same.push(new Uint8Array(buffer));
  }
}

/** The next power of two: there are few sizes, each of use for the next part. */
const sizeFor = (length: number): number => Math.max(smallest, 2 ** Math.ceil(Math.log2(length)));
