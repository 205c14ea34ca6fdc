/**
 * HalfSipHash-1-3: a hash of bytes under a secret, so that nobody outside can choose inputs that collide. Several
 * pieces make one hash; each counts with its length, so that their border counts too. Source: Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF", and the reference implementation's 32-bit variant.
 */
export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
    this.start();
  }

  start(): this {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
    return this;
  }

  /** Adds a piece. */
  add(bytes: Uint8Array): this {
    return this.addRange(bytes, 0, bytes.length);
  }

  /** Adds bytes[start, end) as a piece. */
  addRange(bytes: Uint8Array, start: number, end: number): this {
    const whole = end - ((end - start) & 3);
    for (let i = start; i < whole; i += 4) {
      this.addWord(bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    }
    let last = 0;
    for (let i = end - 1; i >= whole; i--) last = (last << 8) | bytes[i];
    this.addWord(last);
    return this.addWord(end - start);
  }

  /** Adds a number of 32 bits. */
  addWord(word: number): this {
    this.#v3 ^= word;
    this.#round();
    this.#v0 ^= word;
    return this;
  }

  /** The hash of what was added since `start`, a signed 32-bit integer; more may be added afterwards. */
  value(): number {
    const v0 = this.#v0;
    const v1 = this.#v1;
    const v2 = this.#v2;
    const v3 = this.#v3;
    this.#v2 ^= 0xff;
    for (let i = 0; i < 3; i++) this.#round();
    const hash = this.#v1 ^ this.#v3;
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
    return hash;
  }

  #round(): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
