import { Batch } from '../batch/batch.ts';
import type { EnvelopeWriter } from '../batch/group.ts';
import type { SpanConditions } from '../model/conditions.ts';
import type { PastTrace } from '../model/past-trace.ts';
import { Slice } from '../model/slice.ts';
import { emptyStamp } from '../model/stamp.ts';
import type { Writer } from '../wire/writer.ts';
import { isOf } from './bring-back.ts';
import { Emitter, workPerStep } from './emit.ts';
import { always, type Pace, type WindowReader } from './window-reader.ts';

/** Writes spans for whoever looks at them: redacted and enriched, and with nothing of a verdict. */
export interface ShownWriter extends EnvelopeWriter {
  readonly searchedBytes: number;
  /** May the text stand in what it writes without having come? */
  writes(text: string): boolean;
  shown(out: Writer, buf: Uint8Array, start: number, end: number): void;
}

/** Of one part: little enough to be turned into JSON in one go. */
const partBytes = 256 * 1024;
/** Of all traces together, as much as the embedded store reads of one. */
const mostBytes = 16 * 1024 * 1024;

interface Asked {
  readonly conditions: SpanConditions;
  readonly write: ShownWriter;
  readonly pace: Pace;
}

/** The spans of some traces that landed with this shard and are there still; `ids`: the four words of each. */
export async function pastTraces(
  reader: WindowReader,
  ids: readonly Int32Array[],
  { conditions, write, pace }: Asked,
): Promise<PastTrace[]> {
  const found = ids.map(() => new Found(write));
  const wanted = new Set(ids.map((id) => id[3]));
  let last: Uint8Array | undefined;
  let bytesRead = 0;
  for await (const { bytes, rows, stride, count } of reader.walk(always, { conditions, pace, ids: wanted })) {
    // What was read of the last segment's envelopes means nothing in this one.
    if (bytes !== last) for (const each of found) each.forget();
    last = bytes;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (!wanted.has(rows[row + Slice.traceIdD])) continue;
      const of = found[ids.findIndex((id) => isOf(id, rows, row))];
      if (of === undefined) continue;
      if (bytesRead > mostBytes) of.isWhole = false;
      else bytesRead += of.add(bytes, rows, row);
      if (!of.isSpent && !pace.isOver) continue;
      await pace.next();
      of.refill();
    }
  }
  return found.map((each) => each.finish());
}

/** What was found of one trace so far. */
class Found {
  isWhole = true;
  readonly #parts: Uint8Array[] = [];
  readonly #batch: Batch;
  readonly #emitter: Emitter;
  readonly #stamp = emptyStamp();
  #spans = 0;

  constructor(write: ShownWriter) {
    const options = { maxBytes: partBytes, maxSpans: Number.POSITIVE_INFINITY, maxAgeMs: 0 };
    this.#batch = new Batch(options, write, ({ body }) => this.#parts.push(body.slice()), 0);
    this.#emitter = new Emitter({ of: () => this.#batch }, asShown(write), workPerStep);
    this.#emitter.begin(0);
  }

  get isSpent(): boolean {
    return this.#emitter.isSpent;
  }

  refill(): void {
    this.#emitter.refill();
  }

  forget(): void {
    this.#emitter.forget();
    this.#emitter.resume();
  }

  /** How many bytes more there are of it. */
  add(bytes: Uint8Array, rows: Int32Array, row: number): number {
    const before = this.#batch.writtenBytes;
    if (this.#emitter.slice(bytes, rows, row, this.#stamp, false)) this.#spans++;
    return this.#batch.writtenBytes - before;
  }

  finish(): PastTrace {
    this.#emitter.end();
    this.#batch.flush();
    return { parts: this.#parts, spans: this.#spans, isWhole: this.isWhole };
  }
}

const asShown = (write: ShownWriter) => ({
  get searchedBytes() {
    return write.searchedBytes;
  },
  span: (out: Writer, buf: Uint8Array, start: number, end: number) => write.shown(out, buf, start, end),
});
