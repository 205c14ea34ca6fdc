/**
 * Tabulation hashing of trace ids: a random word for each value of each byte. What ids collide depends on all of these,
 * so senders, who do not know them, cannot choose, and linear probing costs what it costs with a random function.
 * Source: Pătraşcu and Thorup, "The Power of Simple Tabulation Hashing", 2012. The words are splitmix32's.
 */
export class IdHash {
  readonly #random: Int32Array;
  /** The last id and its hash: a trace is looked for, and then added, in one index and the other. */
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #last: number;

  /** `seed` differs between processes. */
  constructor(seed: number) {
    let state = seed | 0;
    this.#random = Int32Array.from({ length: 16 * 256 }, () => {
      state = (state + 0x9e3779b9) | 0;
      let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    });
    this.#last = this.#of(0, 0, 0, 0);
  }

  of(a: number, b: number, c: number, d: number): number {
    if (d === this.#d && c === this.#c && b === this.#b && a === this.#a) return this.#last;
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
    this.#last = this.#of(a, b, c, d);
    return this.#last;
  }

  #of(a: number, b: number, c: number, d: number): number {
    const t = this.#random;
    return (
      t[a & 255] ^
      t[256 | ((a >>> 8) & 255)] ^
      t[512 | ((a >>> 16) & 255)] ^
      t[768 | (a >>> 24)] ^
      t[1024 | (b & 255)] ^
      t[1280 | ((b >>> 8) & 255)] ^
      t[1536 | ((b >>> 16) & 255)] ^
      t[1792 | (b >>> 24)] ^
      t[2048 | (c & 255)] ^
      t[2304 | ((c >>> 8) & 255)] ^
      t[2560 | ((c >>> 16) & 255)] ^
      t[2816 | (c >>> 24)] ^
      t[3072 | (d & 255)] ^
      t[3328 | ((d >>> 8) & 255)] ^
      t[3584 | ((d >>> 16) & 255)] ^
      t[3840 | (d >>> 24)]
    );
  }
}
