import { MalformedError } from '../../wire/reader.ts';

const prefixBytes = 5;
/** Of health and reflection; nobody asks for admission for them. */
const maxBytes = 4 * 1024;

/** Cuts a stream of DATA chunks into messages, for methods whose messages are small and never compressed. */
export class FrameReader {
  /** Bytes of the prefix, then of the message, that have come. */
  #prefixed = 0;
  #filled = 0;
  #length = 0;
  /** A message that does not come in one chunk. */
  #message: Buffer | undefined = undefined;

  /** Whether part of a message is kept until the rest comes. */
  get isHolding(): boolean {
    return this.#prefixed > 0;
  }

  /** Takes a chunk; `onMessage` has each message that is complete with it until it returns. Throws MalformedError. */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    for (let at = 0; at < chunk.length; ) {
      at = this.#prefixed < prefixBytes ? this.#readPrefix(chunk, at) : at;
      if (this.#prefixed === prefixBytes) at = this.#readMessage(chunk, at, onMessage);
    }
  }

  #readPrefix(chunk: Buffer, at: number): number {
    for (; at < chunk.length && this.#prefixed < prefixBytes; at++, this.#prefixed++) {
      if (this.#prefixed > 0) this.#length = this.#length * 256 + chunk[at];
      else if (chunk[at] !== 0) throw new MalformedError('a compressed message where none is expected');
    }
    if (this.#length > maxBytes)
      throw new MalformedError(`message of ${this.#length} bytes where at most ${maxBytes} are expected`);
    return at;
  }

  #readMessage(chunk: Buffer, at: number, onMessage: (message: Buffer) => void): number {
    const end = Math.min(chunk.length, at + this.#length - this.#filled);
    const isWhole = end - at === this.#length;
    if (!isWhole) {
      this.#message ??= Buffer.allocUnsafeSlow(this.#length);
      this.#filled += chunk.copy(this.#message, this.#filled, at, end);
      if (this.#filled < this.#length) return end;
    }
    const message = this.#message ?? chunk.subarray(at, end);
    this.#prefixed = 0;
    this.#filled = 0;
    this.#length = 0;
    this.#message = undefined;
    onMessage(message);
    return end;
  }
}
