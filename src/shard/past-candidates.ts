import type { SpanConditions } from '../model/conditions.ts';
import type { PastCandidates } from '../model/past-trace.ts';
import { Slice, type SliceRows } from '../model/slice.ts';
import { hexOf } from '../model/trace-id.ts';
import { type ScopeView, SpanView } from '../store/span-view.ts';
import { resourceOf, scopeOf } from '../store/trace-view.ts';
import type { Value } from '../traceql/ast.ts';
import type { SpanFields } from '../traceql/evaluate.ts';
import { readResource, readScope } from '../wire/envelope.ts';
import { Reader } from '../wire/reader.ts';
import type { LandedRange, Pace, WindowReader } from './window-reader.ts';

/** Of one search: the newest. */
const most = 10_000;

interface Asked {
  readonly conditions: SpanConditions;
  readonly pace: Pace;
  readonly mayMatch: (span: SpanFields) => boolean;
}

/** Traces with a span that may be what is looked for, the one seen last at the end. */
export async function pastCandidates(
  reader: WindowReader,
  range: LandedRange,
  { conditions, pace, mayMatch }: Asked,
): Promise<PastCandidates> {
  const found = new Set<string>();
  const inspected = { spans: 0, bytes: 0 };
  let isWhole = true;
  for await (const slices of reader.walk(range, { conditions, pace })) {
    const { rows, stride, count } = slices;
    const spans = new SpansOf(slices);
    inspected.spans += count;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      inspected.bytes += rows[row + Slice.length];
      if (mayMatch(spans.at(row))) {
        const id = hexOf(rows.subarray(row + Slice.traceIdA, row + Slice.traceIdA + 4));
        found.delete(id);
        found.add(id);
        if (found.size > most) isWhole = !found.delete(found.values().next().value as string);
      }
      if (pace.isOver) await pace.next();
    }
  }
  return { traceIds: [...found], isWhole, ...inspected };
}

/** The spans of one message, looked at alone; what stands around them is read once. */
class SpansOf {
  readonly #slices: SliceRows;
  readonly #resources = new Map<number, ReadonlyMap<string, Value>>();
  readonly #scopes = new Map<number, ScopeView>();

  constructor(slices: SliceRows) {
    this.#slices = slices;
  }

  at(row: number): SpanView {
    const { bytes, rows } = this.#slices;
    const start = rows[row + Slice.start];
    const traceId = hexOf(rows.subarray(row + Slice.traceIdA, row + Slice.traceIdA + 4));
    return new SpanView(
      new Reader(bytes, start, start + rows[row + Slice.length]),
      { traceId, durationNs: 0n, root: undefined },
      this.#resource(rows[row + Slice.resourceSpans]),
      this.#scope(rows[row + Slice.scopeSpans]),
    );
  }

  #resource(at: number): ReadonlyMap<string, Value> {
    let resource = this.#resources.get(at);
    if (resource === undefined)
      this.#resources.set(at, (resource = resourceOf(readResource(this.#slices.bytes, at).resource)));
    return resource;
  }

  #scope(at: number): ScopeView {
    let scope = this.#scopes.get(at);
    if (scope === undefined) this.#scopes.set(at, (scope = scopeOf(readScope(this.#slices.bytes, at).scope)));
    return scope;
  }
}
