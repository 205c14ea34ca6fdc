import { hash } from 'node:crypto';
import type { RequestScan } from '../decode/scan.ts';
import { Slice } from '../model/slice.ts';

/** Senders repeat a request for five minutes: the Collector's sending queue by default, SDKs for less. */
const keptMs = 5 * 60_000;
/** About 2 MB; of more, the oldest are forgotten. */
const mostSpans = 16_384;

type Slices = Pick<RequestScan, 'slices' | 'stride' | 'count'>;

/**
 * Spans that were taken of requests whose senders were told to try again: OTLP has no answer that asks for a part of a
 * request, so all of it comes once more. A span is known by what is in it: senders repeat the very bytes.
 */
export class Repeats {
  /** By the last word of the trace id, then by the digest: when it is forgotten, monotonic. The oldest are first. */
  readonly #known = new Map<number, Map<number, number>>();
  #count = 0;
  #newest = 0;

  /** Asked for each request: nearly always there is none. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Its owner has it, and its sender does not know. */
  expect(bytes: Uint8Array, { slices, stride, count }: Slices, now: number): void {
    this.forget(now);
    // Of more spans than are kept none is looked at that would be forgotten at once.
    for (let i = Math.max(0, count - mostSpans); i < count; i++) {
      const row = i * stride;
      const trace = slices[row + Slice.traceIdD];
      const known = this.#known.get(trace) ?? new Map<number, number>();
      // Known traces are in the order in which they were last heard of.
      this.#known.delete(trace);
      this.#known.set(trace, known);
      const digest = digestOf(bytes, slices, row);
      // And so are the spans of each.
      if (known.delete(digest)) this.#count--;
      known.set(digest, now + keptMs);
      this.#count++;
    }
    this.#newest = now;
    this.#forgetOldest();
  }

  /** Whether the slice of this row came before, and was taken. */
  has(bytes: Uint8Array, rows: Int32Array, row: number): boolean {
    const known = this.#known.get(rows[row + Slice.traceIdD]);
    return known?.has(digestOf(bytes, rows, row)) ?? false;
  }

  /** Those that nobody repeats any more. */
  forget(now: number): void {
    if (now > this.#newest + keptMs) {
      this.#known.clear();
      this.#count = 0;
      return;
    }
    for (const [trace, known] of this.#known) {
      for (const [digest, until] of known) {
        if (until > now) return;
        known.delete(digest);
        this.#count--;
      }
      this.#known.delete(trace);
    }
  }

  #forgetOldest(): void {
    for (const [trace, known] of this.#known) {
      for (const digest of known.keys()) {
        if (this.#count <= mostSpans) return;
        known.delete(digest);
        this.#count--;
      }
      this.#known.delete(trace);
    }
  }
}

/** 48 bits of it, beside the 32 of the trace id; whoever finds two spans alike spoils his own. */
function digestOf(bytes: Uint8Array, rows: Int32Array, row: number): number {
  const start = rows[row + Slice.start];
  const digest = hash('sha256', bytes.subarray(start, start + rows[row + Slice.length]), 'buffer');
  return digest.readUIntBE(0, 6);
}
