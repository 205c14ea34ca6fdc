import { copyBytes } from '../wire/copy.ts';

/** Requests are as long as chance has it: rounded up, the next one fits too. */
const roundBytes = 256 * 1024;

/**
 * Where the request lies that the worker writes, one at a time, in memory that both threads see. A message would copy
 * it into memory made for it: 3 MiB of fresh pages a batch, which the system clears on the path's own thread.
 */
export class Desk {
  #memory = new SharedArrayBuffer(0);
  #isUsed = false;

  get bytes(): number {
    return this.#memory.byteLength;
  }

  /** A copy of the body, good until the next one: not before the worker has answered, or died. */
  put(body: Uint8Array): Uint8Array {
    if (body.length > this.#memory.byteLength)
      this.#memory = new SharedArrayBuffer(Math.ceil(body.length / roundBytes) * roundBytes);
    this.#isUsed = true;
    const copy = new Uint8Array(this.#memory, 0, body.length);
    copyBytes(body, 0, body.length, copy, 0);
    return copy;
  }

  /**
   * Lets the memory go that nothing lay in since the last call; a body that lies there still keeps it for the worker.
   */
  trim(): void {
    if (!this.#isUsed) this.#memory = new SharedArrayBuffer(0);
    this.#isUsed = false;
  }
}
