import { copyBytes } from '../wire/copy.ts';
import { blockBytes, packBlock } from './body-block.ts';

/** Bodies that will be one block. */
export class OpenBlock {
  readonly #bytes = new Uint8Array(blockBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  hasRoom(body: Uint8Array): boolean {
    return this.#length + body.length <= blockBytes;
  }

  /** There must be room. */
  add(body: Uint8Array): void {
    copyBytes(body, 0, body.length, this.#bytes, this.#length);
    this.#length += body.length;
  }

  /** A copy of what was added there. */
  bodyAt(at: number, bytes: number): Uint8Array {
    return this.#bytes.slice(at, at + bytes);
  }

  /** What was added, as files have it. */
  pack(): Uint8Array {
    return packBlock(this.#bytes.subarray(0, this.#length));
  }

  clear(): void {
    this.#length = 0;
  }
}
