import { Writer } from '../wire/writer.ts';
import type { Sought } from './sought-terms.ts';
import type { TermSet } from './term-set.ts';

/**
 * A digest says of one part what a search asks first: which terms (attribute = value) its spans hold, as a Bloom
 * filter, how many spans are errors, and the longest span. A trace's digest is those of its parts, one after the other:
 *   u32 0 | u32 error spans | f64 longest span in ns | u32 words of the filter, odd | u32 0 | f64 0 | words × u32
 * 12 bits a term and 6 probes let about 3 in 1,000 wrong terms through; a right one is never missed. Of more terms, or
 * parts, than there is room for the filter lets more of them through, or all.
 *
 * Versions before had other terms, elsewhere in the filter (sought-terms.ts), and wrote
 *   u32 words of the filter | u32 error spans | f64 longest span in ns | words × u32
 * They take what is written now for two parts: one whose filter has no words, of which they ask the first bit alone, and
 * that is 1, as the number behind it is odd; and one without errors or length. So they look into every such trace whose
 * errors and length are as asked, and miss none.
 */
const headerBytes = 32;
const headerBytesBefore = 16;
const bitsPerTerm = 12;
const probes = 6;
/** A search reads one of every trace, and each part that comes writes its trace's again. */
const mostBytes = 64 * 1024;
const mostWords = ((mostBytes - headerBytes) / 4 - 1) | 1;
const anyTerm = 0xffff_ffff;

export interface Summary {
  readonly terms: TermSet;
  errors: number;
  longestNs: number;
}

/** The result is the writer's: lent until it writes again. */
export function writeDigest({ terms, errors, longestNs }: Summary, w: Writer): Uint8Array {
  const words = Math.min(Math.ceil((terms.size * bitsPerTerm) / 32) | 1, mostWords);
  writeHeader(words, errors, longestNs, w.reset());
  w.zeros(words * 4);
  const { buf } = w;
  const bits = words * 32;
  for (const term of terms.values()) {
    for (let i = 0, at = term, step = stepOf(term); i < probes; i++, at = (at + step) | 0) {
      const bit = bitOf(at, bits);
      buf[headerBytes + (bit >>> 3)] |= 1 << (bit & 7);
    }
  }
  return w.view();
}

function writeHeader(words: number, errors: number, longestNs: number, w: Writer): void {
  w.fixed32(0);
  w.fixed32(errors);
  w.double(longestNs);
  w.fixed32(words);
  w.zeros(headerBytes - headerBytesBefore - 4);
}

/** The digest of a trace of which one more part came. Where it would be too large, it has any term. */
export function joinedDigest(trace: Uint8Array, part: Uint8Array): Uint8Array {
  if (trace.length + part.length <= mostBytes) return Buffer.concat([trace, part]);
  let errors = 0;
  let longestNs = 0;
  for (const digest of [trace, part])
    somePart(digest, (each) => {
      errors = Math.min(errors + each.errors, 0xffff_ffff);
      longestNs = Math.max(longestNs, each.longestNs);
      return false;
    });
  const w = new Writer(headerBytes + 4);
  writeHeader(1, errors, longestNs, w);
  w.fixed32(anyTerm);
  return w.view();
}

/** Whether the first part of a trace may have this digest; of one that has any term nobody knows. */
export function mayBegin(trace: Uint8Array, part: Uint8Array): boolean {
  const view = new DataView(trace.buffer, trace.byteOffset, trace.length);
  if (trace.length >= headerBytes + 4 && view.getUint32(headerBytes, true) === anyTerm) return true;
  return Buffer.compare(trace.subarray(0, part.length), part) === 0;
}

/** What a search can ask of one part. */
export interface Digest {
  readonly errors: number;
  readonly longestNs: number;
  has(term: Sought): boolean;
}

/** Whether a part of the trace may hold what is looked for. */
export function somePart(digest: Uint8Array, mayMatch: (part: Digest) => boolean): boolean {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  for (let at = 0; at + headerBytesBefore <= digest.length; ) {
    const wordsBefore = view.getUint32(at, true);
    const start = at + (wordsBefore > 0 ? headerBytesBefore : headerBytes);
    if (start > digest.length) return false;
    const words = wordsBefore || view.getUint32(at + headerBytesBefore, true);
    const has = wordsBefore > 0 ? hasBefore(digest, start, words * 32) : hasNow(digest, start, words * 32);
    if (mayMatch({ errors: view.getUint32(at + 4, true), longestNs: view.getFloat64(at + 8, true), has })) return true;
    at = start + words * 4;
  }
  return false;
}

const hasNow =
  (digest: Uint8Array, start: number, bits: number): Digest['has'] =>
  ({ term }) =>
    holds(term, (probe) => isSet(digest, start, bitOf(probe, bits)));

const hasBefore =
  (digest: Uint8Array, start: number, bits: number): Digest['has'] =>
  ({ fnvTerm }) =>
    holds(fnvTerm, (probe) => isSet(digest, start, (probe >>> 0) % bits));

const isSet = (digest: Uint8Array, start: number, bit: number): boolean =>
  (digest[start + (bit >>> 3)] & (1 << (bit & 7))) !== 0;

function holds(term: number, isThere: (probe: number) => boolean): boolean {
  for (let i = 0, at = term, step = stepOf(term); i < probes; i++, at = (at + step) | 0) if (!isThere(at)) return false;
  return true;
}

/** Where a probe falls among so many bits, by its share of all numbers: quicker than a remainder. */
const bitOf = (probe: number, bits: number): number => ((probe >>> 0) * (bits / 2 ** 32)) | 0;

/** From one bit of a term to the next. Double hashing: Kirsch and Mitzenmacher, 2006. */
const stepOf = (term: number): number => Math.imul(term ^ (term >>> 15), 0x2c1b3c6d) | 1;
