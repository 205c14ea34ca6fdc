import type { SpanConditions } from '../model/conditions.ts';
import type { PastCandidates } from '../model/past-trace.ts';
import { Slice, type SliceRows, sliceWords } from '../model/slice.ts';
import { hexOf } from '../model/trace-id.ts';
import { inTurn } from '../store/pace.ts';
import { type ResourceView, type ScopeView, SpanView } from '../store/span-view.ts';
import { resourceOf, scopeOf } from '../store/trace-view.ts';
import { ofAnySpan } from '../traceql/any-span.ts';
import { compileAsk } from '../traceql/ask.ts';
import { type SpansetExpression, statuses } from '../traceql/ast.ts';
import { type Hint, hintsOf } from '../traceql/hints.ts';
import { readResource, readScope } from '../wire/envelope.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import type { ShownWriter } from './past-trace.ts';
import type { LandedRange, Pace, WindowReader } from './window-reader.ts';

/** Of one search: the newest. */
const most = 10_000;

/** Bytes of a longer message are not searched at once. */
const mostSearched = 1 << 20;
/** Spans between two looks at the clock. */
const spansALook = 4;
const anyStatus = 0b1111;

/** All that a search asks of the scan: bits by status code. */
const byStatus: SpanConditions = {
  words: 1,
  rowWords: sliceWords,
  timesAt: 0,
  statusBits: Int32Array.of(1, 2, 4, 8),
  slowNs: Number.POSITIVE_INFINITY,
  slowBits: 0,
  attributes: [],
  more: undefined,
  resource: undefined,
  scope: undefined,
  compounds: [],
  identity: 'by status',
};

/** Traces with a span that may be what is looked for, the one seen last at the end. */
export async function pastCandidates(
  reader: WindowReader,
  range: LandedRange,
  { spansets, pace, write }: { readonly spansets: SpansetExpression; readonly pace: Pace; readonly write: ShownWriter },
): Promise<PastCandidates> {
  const ask = compileAsk(ofAnySpan(spansets));
  const hints = new Hints(hintsOf(spansets), write);
  const wants = (bytes: Uint8Array, start: number, end: number): boolean => hints.look(bytes, start, end);
  const found = new Set<string>();
  let isWhole = true;
  for await (const slices of reader.walk(range, { conditions: byStatus, pace, wants })) {
    const { rows, stride, count } = slices;
    const spans = new SpansOf(slices, write);
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (i % spansALook === 0 && pace.isOver) await pace.next();
      if ((rows[row + Slice.bits] & hints.status) === 0) continue;
      const answer = ask(spans.at(row));
      if (!(typeof answer === 'boolean' ? answer : await inTurn(answer, pace))) continue;
      const id = hexOf(rows.subarray(row + Slice.traceIdA, row + Slice.traceIdA + 4));
      found.delete(id);
      found.add(id);
      if (found.size > most) isWhole = !found.delete(found.values().next().value as string);
    }
  }
  return { traceIds: [...found], isWhole };
}

/** Looks for texts in bytes, so that most messages need not be scanned. */
class Hints {
  readonly #ways: readonly { readonly texts: readonly Buffer[]; readonly status: number }[];
  /** Bits of the status codes that may match in the message looked at last. */
  status = anyStatus;

  /** What is written for whoever looks is not sought in what came. */
  constructor(hints: readonly Hint[], write: Pick<ShownWriter, 'writes'>) {
    this.#ways = hints.map(({ texts, status }) => ({
      texts: texts.filter((text) => !write.writes(text)).map((text) => Buffer.from(text)),
      status: status === undefined ? anyStatus : 1 << statuses.findIndex(({ name }) => name === status),
    }));
  }

  look(bytes: Uint8Array, start: number, end: number): boolean {
    this.status = anyStatus;
    if (end - start > mostSearched) return true;
    const message = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const ways = this.#ways.filter(({ texts }) => texts.every((text) => message.includes(text)));
    this.status = ways.reduce((bits, way) => bits | way.status, 0);
    return ways.length > 0;
  }
}

/**
 * The spans of one message as they may be shown, looked at alone; what stands around them is read once. Whoever looked at
 * what is hidden could be asked about it, by what he finds.
 */
class SpansOf {
  readonly #slices: SliceRows;
  readonly #resources = new Map<number, ResourceView>();
  readonly #scopes = new Map<number, ScopeView>();

  readonly #write: ShownWriter;
  readonly #shown = new Writer();

  constructor(slices: SliceRows, write: ShownWriter) {
    this.#slices = slices;
    this.#write = write;
  }

  /** Good until the next one is asked for. */

  at(row: number): SpanView {
    const { bytes, rows } = this.#slices;
    const start = rows[row + Slice.start];
    this.#write.shown(this.#shown.reset(), bytes, start, start + rows[row + Slice.length]);
    return new SpanView(
      messageIn(this.#shown.view()),
      new Alone(rows, row),
      this.#resource(rows[row + Slice.resourceSpans]),
      this.#scope(rows[row + Slice.scopeSpans]),
    );
  }

  #resource(at: number): ResourceView {
    let resource = this.#resources.get(at);
    if (resource === undefined) {
      const out = new Writer();
      const { resource: bytes } = readResource(this.#slices.bytes, at);
      this.#write.resource(out, bytes, 0, bytes.length);
      this.#resources.set(at, (resource = resourceOf(bytesIn(out.finish()))));
    }
    return resource;
  }

  #scope(at: number): ScopeView {
    let scope = this.#scopes.get(at);
    if (scope === undefined) {
      const out = new Writer();
      const { scope: bytes } = readScope(this.#slices.bytes, at);
      this.#write.scope(out, bytes, 0, bytes.length);
      this.#scopes.set(at, (scope = scopeOf(bytesIn(out.finish()))));
    }
    return scope;
  }
}

const messageIn = (field: Uint8Array): Reader => {
  const r = new Reader(field);
  return r.next() ? r.message() : r;
};

const bytesIn = (field: Uint8Array): Uint8Array => {
  const r = new Reader(field);
  return r.next() ? r.bytes() : field;
};

/** What is known of the trace of a span that is looked at alone. */
class Alone {
  readonly durationNs = 0n;
  readonly root = undefined;
  readonly #rows: Int32Array;
  readonly #row: number;

  constructor(rows: Int32Array, row: number) {
    this.#rows = rows;
    this.#row = row;
  }

  get traceId(): string {
    return hexOf(this.#rows.subarray(this.#row + Slice.traceIdA, this.#row + Slice.traceIdA + 4));
  }
}
