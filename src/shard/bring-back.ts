import { Batch } from '../batch/batch.ts';
import type { Brought } from '../model/brought-back.ts';
import type { SpanConditions } from '../model/conditions.ts';
import { Slice } from '../model/slice.ts';
import { emptyStamp } from '../model/stamp.ts';
import { ResourceSpans, ScopeSpans } from '../wire/otlp.ts';
import type { Writer } from '../wire/writer.ts';
import { Emitter, workPerStep } from './emit.ts';
import { always, type Pace, type WindowReader } from './window-reader.ts';

/** Of a message that brings spans back: much less than a message that anybody sends may have. */
const partBytes = 256 * 1024;

interface Bringing {
  readonly conditions: SpanConditions;
  readonly pace: Pace;
  /** Takes a request of so many spans; the next one waits for that. False: there is no room, and that is the end. */
  readonly land: (body: Uint8Array, spans: number) => Promise<boolean>;
}

/**
 * Takes all that is there of some traces, by their ids' four words, out of a shard's window, as requests of their spans
 * as they came. What came of it, by the index of the trace.
 */
export async function bringBack(
  reader: WindowReader,
  ids: readonly Int32Array[],
  { conditions, pace, land }: Bringing,
): Promise<Brought[]> {
  const parts: { readonly body: Uint8Array; readonly of: readonly number[] }[] = [];
  /** Whose the spans in the batch are, in the order in which they leave it. */
  const order: number[] = [];
  const batch = new Batch(
    { maxBytes: partBytes, maxSpans: Number.POSITIVE_INFINITY, maxAgeMs: 0 },
    asItCame,
    ({ body, spans }) => parts.push({ body: body.slice(), of: order.splice(0, spans) }),
    0,
  );
  const emitter = new Emitter({ of: () => batch }, asItCame, workPerStep);
  const wanted = new Set(ids.map((id) => id[3]));
  const landed = ids.map(() => 0);
  const missed = ids.map(() => 0);
  let hasRoom = true;
  const landAll = async (): Promise<void> => {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      hasRoom &&= await land(part.body, part.of.length);
      for (const index of part.of) (hasRoom ? landed : missed)[index]++;
    }
  };
  let last: Uint8Array | undefined;
  emitter.begin(0);
  for await (const { bytes, rows, stride, count } of reader.walk(always, { conditions, pace, ids: wanted })) {
    if (bytes !== last) emitter.forget();
    last = bytes;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (!wanted.has(rows[row + Slice.traceIdD])) continue;
      const index = ids.findIndex((id) => isOf(id, rows, row));
      if (index < 0) continue;
      order.push(index);
      if (!emitter.slice(bytes, rows, row, stamp, false)) order.pop();
    }
    if (pace.isOver) await pace.next();
    await landAll();
    // What more there would be is not looked for.
    if (!hasRoom) return landed.map((spans) => ({ spans, isWhole: false }));
  }
  emitter.end();
  batch.flush();
  await landAll();
  return landed.map((spans, index) => ({ spans, isWhole: missed[index] === 0 }));
}

const stamp = emptyStamp();

/** Writes everything byte for byte. */
const asItCame = {
  searchedBytes: 0,
  span: (out: Writer, buf: Uint8Array, start: number, end: number) => out.bytes(ScopeSpans.spans, buf, start, end),
  resource: (out: Writer, buf: Uint8Array, start: number, end: number) => {
    if (end > start) out.bytes(ResourceSpans.resource, buf, start, end);
  },
  scope: (out: Writer, buf: Uint8Array, start: number, end: number) => {
    if (start >= 0) out.bytes(ScopeSpans.scope, buf, start, end);
  },
};

/** Whose slice stands at rows[row …]? */
export const isOf = (id: Int32Array, rows: Int32Array, row: number): boolean =>
  rows[row + Slice.traceIdD] === id[3] &&
  rows[row + Slice.traceIdC] === id[2] &&
  rows[row + Slice.traceIdB] === id[1] &&
  rows[row + Slice.traceIdA] === id[0];
