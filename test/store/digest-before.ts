import { readKeyValue } from '../../src/store/any-value.ts';
import { somePart } from '../../src/store/digest.ts';
import { type Sought, soughtName, soughtValue } from '../../src/store/sought-terms.ts';
import type { TermValue } from '../../src/store/terms.ts';
import { TraceView } from '../../src/store/trace-view.ts';
import { Writer } from '../../src/wire/writer.ts';

const bitsPerTerm = 12;
const probes = 6;
const stepOf = (term: number): number => Math.imul(term ^ (term >>> 15), 0x2c1b3c6d) | 1;

/** Where the bits of a term stand in a filter of so many, as versions had it that took FNV-1a. */
const bitsOf = (term: number, bits: number): number[] =>
  Array.from({ length: probes }, (_, i) => ((term + Math.imul(i, stepOf(term))) >>> 0) % bits);

/** The digest that those versions would have written for a part, of which this is the one of today. */
export function digestBefore({ digest, body }: { readonly digest: Uint8Array; readonly body: Uint8Array }): Uint8Array {
  const terms = termsIn(body);
  const words = Math.max(1, Math.ceil((terms.size * bitsPerTerm) / 32));
  const filter = new Uint8Array(words * 4);
  for (const term of terms) for (const bit of bitsOf(term, words * 32)) filter[bit >>> 3] |= 1 << (bit & 7);
  const w = new Writer();
  somePart(digest, ({ errors, longestNs }) => {
    w.fixed32(words);
    w.fixed32(errors);
    w.double(longestNs);
    return true;
  });
  w.raw(filter);
  return w.finish();
}

function termsIn(body: Uint8Array): Set<number> {
  const terms = new Set<number>();
  for (const span of new TraceView('').add(body).spans) {
    terms.add(soughtName(span.name).fnvTerm);
    for (const scope of ['span', 'resource'] as const) {
      const { messages, field } = span.attributesOf(scope);
      for (const r of messages)
        while (r.next()) {
          if (r.field !== field) r.skip();
          else for (const [key, value] of read(r.message())) terms.add(soughtValue(scope, key, value).fnvTerm);
        }
    }
  }
  return terms;
}

function* read(keyValue: Parameters<typeof readKeyValue>[0]): Generator<[string, TermValue]> {
  const into: Parameters<typeof readKeyValue>[1] = new Map();
  readKeyValue(keyValue, into);
  for (const [key, value] of into)
    for (const each of [value].flat()) if (each !== undefined) yield [key, each as TermValue];
}

/** What those versions read of a digest, part by part, as they ask each for a value, for errors and for its length. */
export function partsBefore(digest: Uint8Array) {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  const parts = [];
  for (let at = 0; at + 16 <= digest.length; ) {
    const words = view.getUint32(at, true);
    const filter = at + 16;
    const isSet = (bit: number): boolean => (digest[filter + (bit >>> 3)] & (1 << (bit & 7))) !== 0;
    const has = ({ fnvTerm }: Pick<Sought, 'fnvTerm'>): boolean => bitsOf(fnvTerm, words * 32).every(isSet);
    parts.push({ errors: view.getUint32(at + 4, true), longestNs: view.getFloat64(at + 8, true), has });
    at = filter + words * 4;
  }
  return parts;
}

/** Whether those versions would have looked into a trace with this digest for a value. */
export const looksBefore = (digest: Uint8Array, sought: Pick<Sought, 'fnvTerm'>): boolean =>
  partsBefore(digest).some((part) => part.has(sought));
