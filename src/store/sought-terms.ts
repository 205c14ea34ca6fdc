import { fnv1a } from '../tables/fnv.ts';
import { keySeeds, nameTermOf, type TermScope, type TermValue, termOf } from './terms.ts';

/** What a query looks for, as digests have it, and as those have it that earlier versions wrote (digest.ts). */
export interface Sought {
  readonly term: number;
  /** FNV-1a, byte by byte. */
  readonly fnvTerm: number;
}

const fnvNameSeed = 0x85ebca6b;
const utf8 = new TextEncoder();

/** An attribute of this value. */
export const soughtValue = (scope: TermScope, key: string, value: TermValue): Sought => ({
  term: termOf(scope, key, value),
  fnvTerm: fnvTermOf(mix(keySeeds[scope], utf8.encode(key)), value),
});

/** A span of this name. */
export const soughtName = (name: string): Sought => ({
  term: nameTermOf(name),
  fnvTerm: mix(fnvNameSeed, utf8.encode(name)),
});

function fnvTermOf(key: number, value: TermValue): number {
  if (typeof value === 'boolean') return Math.imul(key ^ (value ? 3 : 2), 0x01000193) || 1;
  if (typeof value === 'string') return mix(key ^ 1, utf8.encode(value));
  const number = new DataView(new ArrayBuffer(8));
  number.setFloat64(0, Number(value) || 0, true);
  return mix(key ^ 4, new Uint8Array(number.buffer));
}

/** The end is marked, so that key and value do not run into each other; never 0. */
const mix = (hash: number, bytes: Uint8Array): number =>
  Math.imul(fnv1a(bytes, 0, bytes.length, hash) ^ 0x1ff, 0x01000193) || 1;
