import type { Blocks } from '../tables/blocks.ts';

/** Unpacked segments kept at hand: traces that fall due together lie in few of them. */
const maxKept = 4;

/** The bytes of compressed segments, for as long as they are likely to be asked for again. */
export class Unpacked {
  readonly #unpack: ((packed: Uint8Array) => Uint8Array) | undefined;
  /** By the segment's place in time, the ones unpacked last at the end. */
  readonly #kept = new Map<number, Uint8Array>();

  readonly #blocks: Blocks;

  constructor(unpack: ((packed: Uint8Array) => Uint8Array) | undefined, blocks: Blocks) {
    this.#unpack = unpack;
    this.#blocks = blocks;
  }

  of(sequence: number, packed: Uint8Array): Uint8Array {
    const known = this.#kept.get(sequence);
    if (known !== undefined) return known;
    if (this.#unpack === undefined) throw new Error('a segment was packed, and nobody can unpack it');
    if (this.#kept.size === maxKept) this.forget(this.#kept.keys().next().value as number);
    const bytes = this.#unpack(packed);
    this.#kept.set(sequence, bytes);
    this.#blocks.hold(bytes.length);
    return bytes;
  }

  forget(sequence: number): void {
    const bytes = this.#kept.get(sequence);
    if (bytes === undefined) return;
    this.#kept.delete(sequence);
    this.#blocks.hold(-bytes.length);
  }
}
