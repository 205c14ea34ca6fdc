import { isSame } from '../wire/same-bytes.ts';
import { type Mask, maskOf, setMask } from './mask.ts';

interface Entry {
  readonly text: Uint8Array;
  readonly mask: Mask;
}

const utf8 = new TextEncoder();

/** Bits by a text, byte by byte: as many texts as there are cost what one does. */
export class TextTable {
  readonly #entries = new Map<number, Entry[]>();

  constructor(bitsByText: ReadonlyMap<string, readonly number[]>) {
    for (const [value, bits] of bitsByText) {
      const text = utf8.encode(value);
      const hash = hashOf(text, 0, text.length);
      const same = this.#entries.get(hash) ?? [];
      same.push({ text, mask: maskOf(bits) });
      this.#entries.set(hash, same);
    }
  }

  bitsOf(buf: Uint8Array, start: number, end: number, wide: Int32Array): number {
    const entries = this.#entries.get(hashOf(buf, start, end));
    if (entries === undefined) return 0;
    for (const { text, mask } of entries) if (isSame(text, buf, start, end)) return setMask(mask, wide);
    return 0;
  }
}

/** Of its length and up to 32 bytes spread over it: long ones cost no more, and the rules choose which texts are there. */
function hashOf(buf: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  const step = Math.max(1, (end - start) >>> 5);
  for (let i = start; i < end; i += step) hash = (Math.imul(hash, 31) + buf[i]) | 0;
  return end > start ? (Math.imul(hash, 31) + buf[end - 1]) | 0 : hash;
}
