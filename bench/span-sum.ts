import { hash } from 'node:crypto';
import { ConditionsBuilder } from '../src/decide/conditions.ts';
import { RequestScan } from '../src/decode/scan.ts';
import { Slice, sliceWords } from '../src/model/slice.ts';
import { Span } from '../src/wire/otlp.ts';
import { Reader } from '../src/wire/reader.ts';

/** Sums of parts are added modulo this. */
export const sumModulus = 2 ** 48;

/** Sums spans up in any order: two sums are the same where the same spans came, by trace id and content, as often. */
export class SpanSum {
  value = 0;

  /** A span of the trace with these four words, and its `contentOf`. */
  add(ids: readonly [number, number, number, number], content: number): void {
    let low = content | 0;
    let high = Math.floor(content / 65_536) | 0;
    for (const id of ids) {
      low = Math.imul(low ^ id ^ (low >>> 15), 0x2c1b3c6d);
      high = Math.imul(high ^ id ^ (high >>> 13), 0x297a2d39);
    }
    this.value = (this.value + (low >>> 0) * 65_536 + (high >>> 16)) % sumModulus;
  }
}

/**
 * 48 bits of a span's bytes, without the trace id and what a sampler may add: the tracestate and `tailgate.*`
 * attributes.
 */
export function contentOf(bytes: Uint8Array, start: number, end: number): number {
  const own: Uint8Array[] = [];
  const r = new Reader(bytes, start, end);
  for (let from = r.pos; r.next(); from = r.pos) {
    const { field } = r;
    r.skip();
    const isMark = field === Span.attributes && Buffer.from(bytes.subarray(from, r.pos)).includes('tailgate.');
    if (field !== Span.traceId && field !== Span.traceState && !isMark) own.push(bytes.slice(from, r.pos));
  }
  return Number.parseInt(hash('sha1', Buffer.concat(own)).slice(0, 12), 16);
}

const builder = new ConditionsBuilder();
const error = builder.bitsOf({ op: 'status', codes: ['ERROR'] }).reduce((bits, bit) => bits | (1 << bit), 0);
const conditions = builder.build();
const scan = new RequestScan();

/**
 * Calls `found` for each ERROR span of the request in bytes[0, length), behind which 64 more can be read; how many
 * spans there are.
 */
export function errorSpans(
  bytes: Uint8Array,
  length: number,
  found: (ids: readonly [number, number, number, number], content: number) => void,
): number {
  scan.run(bytes, 0, length, conditions);
  const { slices, count } = scan;
  for (let row = 0; row < count * sliceWords; row += sliceWords) {
    if ((slices[row + Slice.bits] & error) === 0) continue;
    const [start, end] = [slices[row + Slice.start], slices[row + Slice.start] + slices[row + Slice.length]];
    const at = row + Slice.traceIdA;
    found([slices[at], slices[at + 1], slices[at + 2], slices[at + 3]], contentOf(bytes, start, end));
  }
  return count;
}
