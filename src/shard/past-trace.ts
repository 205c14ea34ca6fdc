import { Batch } from '../batch/batch.ts';
import type { EnvelopeWriter } from '../batch/group.ts';
import type { SpanConditions } from '../model/conditions.ts';
import type { PastTrace } from '../model/past-trace.ts';
import { Slice } from '../model/slice.ts';
import { emptyStamp } from '../model/stamp.ts';
import type { Writer } from '../wire/writer.ts';
import { Emitter, workPerStep } from './emit.ts';
import { always, type Pace, type WindowReader } from './window-reader.ts';

/** Writes spans for whoever looks at them: redacted and enriched, and with nothing of a verdict. */
interface ShownWriter extends EnvelopeWriter {
  readonly searchedBytes: number;
  shown(out: Writer, buf: Uint8Array, start: number, end: number): void;
}

/** Of one part: little enough to be turned into JSON in one go. */
const partBytes = 256 * 1024;
/** Of one trace, as much as the embedded store reads of one. */
const mostBytes = 16 * 1024 * 1024;

interface Asked {
  readonly conditions: SpanConditions;
  readonly write: ShownWriter;
  readonly pace: Pace;
}

/** The spans of one trace that landed with this shard and are there still, as requests; `id`: its four words. */
export async function pastTrace(
  reader: WindowReader,
  id: Int32Array,
  { conditions, write, pace }: Asked,
): Promise<PastTrace> {
  const parts: Uint8Array[] = [];
  const batch = new Batch(
    { maxBytes: partBytes, maxSpans: Number.POSITIVE_INFINITY, maxAgeMs: 0 },
    write,
    ({ body }) => parts.push(body.slice()),
    0,
  );
  const emitter = new Emitter(batch, asShown(write), workPerStep);
  const stamp = emptyStamp();
  let spans = 0;
  let last: Uint8Array | undefined;
  emitter.begin(0);
  for await (const { bytes, rows, stride, count } of reader.walk(always, { conditions, pace, id: id[3] })) {
    // What was read of the last segment's envelopes means nothing in this one.
    if (bytes !== last) emitter.forget();
    last = bytes;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (!isOf(id, rows, row)) continue;
      if (batch.writtenBytes > mostBytes) return { parts, spans, isWhole: false };
      if (emitter.slice(bytes, rows, row, stamp, false)) spans++;
      if (!emitter.isSpent && !pace.isOver) continue;
      await pace.next();
      emitter.refill();
    }
  }
  emitter.end();
  batch.flush();
  return { parts, spans, isWhole: true };
}

const isOf = (id: Int32Array, rows: Int32Array, row: number): boolean =>
  rows[row + Slice.traceIdD] === id[3] &&
  rows[row + Slice.traceIdC] === id[2] &&
  rows[row + Slice.traceIdB] === id[1] &&
  rows[row + Slice.traceIdA] === id[0];

const asShown = (write: ShownWriter) => ({
  get searchedBytes() {
    return write.searchedBytes;
  },
  span: (out: Writer, buf: Uint8Array, start: number, end: number) => write.shown(out, buf, start, end),
});
