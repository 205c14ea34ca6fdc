import type { TermSet } from './term-set.ts';

/**
 * A digest says of one part what a search asks first: which terms (attribute = value) its spans hold, as a Bloom
 * filter, how many spans are errors, and the longest span. A trace's digest is those of its parts, one after the other:
 *   u32 words of the filter | u32 error spans | f64 longest span in ns | words × u32
 * 12 bits a term and 6 probes let about 3 in 1,000 wrong terms through; a right one is never missed.
 */
const headerBytes = 16;
const bitsPerTerm = 12;
const probes = 6;

export interface Summary {
  readonly terms: TermSet;
  errors: number;
  longestNs: number;
}

export function writeDigest({ terms, errors, longestNs }: Summary): Uint8Array {
  const words = Math.max(1, Math.ceil((terms.size * bitsPerTerm) / 32));
  const bytes = new Uint8Array(headerBytes + words * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, words, true);
  view.setUint32(4, errors, true);
  view.setFloat64(8, longestNs, true);
  for (const term of terms.values()) {
    for (let i = 0, at = term, step = stepOf(term); i < probes; i++, at = (at + step) | 0) {
      const bit = (at >>> 0) % (words * 32);
      bytes[headerBytes + (bit >>> 3)] |= 1 << (bit & 7);
    }
  }
  return bytes;
}

/** What a search can ask of one part. */
export interface Digest {
  readonly errors: number;
  readonly longestNs: number;
  has(term: number): boolean;
}

/** Whether a part of the trace may hold what is looked for. */
export function somePart(digest: Uint8Array, mayMatch: (part: Digest) => boolean): boolean {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  for (let at = 0; at + headerBytes <= digest.length; ) {
    const words = view.getUint32(at, true);
    if (mayMatch(readPart(digest, view, at, words))) return true;
    at += headerBytes + words * 4;
  }
  return false;
}

function readPart(digest: Uint8Array, view: DataView, at: number, words: number): Digest {
  const bits = at + headerBytes;
  return {
    errors: view.getUint32(at + 4, true),
    longestNs: view.getFloat64(at + 8, true),
    has: (term) => holds(term, words * 32, (bit) => (digest[bits + (bit >>> 3)] & (1 << (bit & 7))) !== 0),
  };
}

function holds(term: number, bits: number, isSet: (bit: number) => boolean): boolean {
  for (let i = 0, at = term, step = stepOf(term); i < probes; i++, at = (at + step) | 0) {
    if (!isSet((at >>> 0) % bits)) return false;
  }
  return true;
}

/** From one bit of a term to the next. Double hashing: Kirsch and Mitzenmacher, 2006. */
const stepOf = (term: number): number => Math.imul(term ^ (term >>> 15), 0x2c1b3c6d) | 1;
