import type { Refusal } from '../errors.ts';
import type { Message } from '../model/intake.ts';
import { copyBytes } from '../wire/copy.ts';
import { Chunks, chunks, largestChunkBytes } from './chunks.ts';

/** More stretches of one read than any honest sender's frames make; those of others are copied as they come. */
const maxStretches = 16;
const nothing: Buffer = Buffer.alloc(0);

/** Asked for each chunk before it is taken. */
export interface Payer {
  claim(bytes: number): Refusal | undefined;
}

/**
 * A message on its way in. What came with the read under way lies where it was read, and is only noted: a message that
 * came whole with one read is never copied but to its place in the buffer. At the end of the read the rest is copied to
 * chunks, each as large as what is at hand or as all that came before, so that they hold at most twice what came.
 */
export class Pieces implements Message {
  /** Bytes that have come. */
  length = 0;
  /** Bytes that may come at most: no chunk is taken for more, but for the smallest. */
  limit = 0;
  readonly #chunks: Buffer[] = [];
  /** Bytes in chunks: all of them are full but the last, in which there is room for so much more. */
  #keptBytes = 0;
  #room = 0;
  /** What was read, and where in it our stretches are: start, end, start, end … */
  #read = nothing;
  readonly #stretches: number[] = [];
  readonly #payer: Payer;
  readonly #pool: Chunks;

  constructor(payer: Payer, pool = chunks) {
    this.#payer = payer;
    this.#pool = pool;
  }

  /** Notes bytes[start, end), which must stay as they are until `keep`; a refusal where they had to be kept at once. */
  put(bytes: Buffer, start: number, end: number): Refusal | undefined {
    const stretches = this.#stretches;
    const last = stretches.length - 1;
    this.#read = bytes;
    this.length += end - start;
    if (last >= 0 && stretches[last] === start) stretches[last] = end;
    else stretches.push(start, end);
    return last > 2 * maxStretches ? this.keep() : undefined;
  }

  /** The read is over: what was noted is copied. On a refusal not all of it is, and the message cannot go on. */
  keep(): Refusal | undefined {
    const stretches = this.#stretches;
    for (let i = 0; i < stretches.length; i += 2) {
      const refusal = this.#copy(stretches[i], stretches[i + 1]);
      if (refusal !== undefined) return refusal;
    }
    stretches.length = 0;
    this.#read = nothing;
    return undefined;
  }

  copyTo(to: Uint8Array, at: number): void {
    let left = this.#keptBytes;
    for (const chunk of this.#chunks) {
      const bytes = Math.min(chunk.length, left);
      copyBytes(chunk, 0, bytes, to, at);
      at += bytes;
      left -= bytes;
    }
    const stretches = this.#stretches;
    for (let i = 0; i < stretches.length; i += 2) {
      copyBytes(this.#read, stretches[i], stretches[i + 1], to, at);
      at += stretches[i + 1] - stretches[i];
    }
  }

  /** Where it came with one read, or is kept in one chunk. */
  get whole(): Uint8Array | undefined {
    const [start, end] = this.#stretches;
    if (this.#keptBytes === 0 && this.#stretches.length === 2) return viewOf(this.#read, start, end);
    if (this.#chunks.length === 1 && this.#stretches.length === 0) return viewOf(this.#chunks[0], 0, this.length);
    return undefined;
  }

  /** What was kept, chunk by chunk: the reader's until `free`. */
  parts(): Uint8Array[] {
    const last = this.#chunks.length - 1;
    return this.#chunks.map((chunk, i) => (i < last ? chunk : chunk.subarray(0, chunk.length - this.#room)));
  }

  /** The same, each of them the reader's until it asks for the next one; in the end nothing is left. */
  *drain(): Generator<Uint8Array, void> {
    this.#chunks.reverse();
    while (this.#chunks.length > 0) {
      const chunk = this.#chunks.at(-1) as Buffer;
      const bytes = Math.min(chunk.length, this.#keptBytes);
      yield chunk.subarray(0, bytes);
      // While it was read, all may have been given up.
      if (this.#chunks.length === 0) return;
      this.#keptBytes -= bytes;
      this.#pool.give(this.#chunks.pop() as Buffer);
    }
    this.free();
  }

  /** Gives all chunks back and forgets the message; safe to call again. */
  free(): void {
    for (const chunk of this.#chunks) this.#pool.give(chunk);
    this.#chunks.length = 0;
    this.#stretches.length = 0;
    this.#read = nothing;
    this.#keptBytes = 0;
    this.#room = 0;
    this.length = 0;
  }

  #copy(start: number, end: number): Refusal | undefined {
    while (start < end) {
      const refusal = this.#room > 0 ? undefined : this.#grow();
      if (refusal !== undefined) return refusal;
      const chunk = this.#chunks[this.#chunks.length - 1];
      const bytes = Math.min(this.#room, end - start);
      copyBytes(this.#read, start, start + bytes, chunk, chunk.length - this.#room);
      this.#room -= bytes;
      this.#keptBytes += bytes;
      start += bytes;
    }
    return undefined;
  }

  #grow(): Refusal | undefined {
    const atHand = this.length - this.#keptBytes;
    const toCome = this.limit - this.#keptBytes;
    const wanted = Math.min(Math.max(atHand, this.#keptBytes), toCome, largestChunkBytes);
    const bytes = Chunks.bytesFor(wanted);
    const refusal = this.#payer.claim(Math.min(bytes, toCome));
    if (refusal !== undefined) return refusal;
    this.#chunks.push(this.#pool.take(bytes));
    this.#room = bytes;
    return undefined;
  }
}

/** No Buffer: whoever scans messages shall meet arrays of one kind. */
const viewOf = ({ buffer, byteOffset }: Buffer, start: number, end: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + start, end - start);
