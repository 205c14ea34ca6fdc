/** Unpacked segments kept at hand: traces that fall due together lie in few of them. */
const maxKept = 4;

/** The bytes of compressed segments, for as long as they are likely to be asked for again. */
export class Unpacked {
  readonly #unpack: ((packed: Uint8Array) => Uint8Array) | undefined;
  /** By the segment's place in time, the ones unpacked last at the end. */
  readonly #kept = new Map<number, Uint8Array>();

  constructor(unpack: ((packed: Uint8Array) => Uint8Array) | undefined) {
    this.#unpack = unpack;
  }

  of(sequence: number, packed: Uint8Array): Uint8Array {
    const known = this.#kept.get(sequence);
    if (known !== undefined) return known;
    if (this.#unpack === undefined) throw new Error('a segment was packed, and nobody can unpack it');
    if (this.#kept.size === maxKept) this.#kept.delete(this.#kept.keys().next().value as number);
    const bytes = this.#unpack(packed);
    this.#kept.set(sequence, bytes);
    return bytes;
  }

  forget(sequence: number): void {
    this.#kept.delete(sequence);
  }
}
