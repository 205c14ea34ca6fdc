import type { Inspected } from './candidates.ts';
import type { Match } from './search.ts';
import type { ShownField } from './shown-fields.ts';
import { shownValue } from './shown-value.ts';
import type { SpanView } from './span-view.ts';
import { factJson } from './spanset-facts.ts';

/** Tempo's words for a trace whose root has not come (yet), or says no service. */
const rootUnknown = '<root span not yet received>';

/**
 * tempopb.TraceSearchMetadata in the JSON of gogo's jsonpb: 64-bit integers as strings, zero values left out. In steps:
 * each field of each span is looked for in all of it.
 */
export function* traceJson(
  { trace, sets }: Match,
  fields: readonly ShownField[],
  spansPerSpanSet: number,
): Generator<undefined, object> {
  const found = yield* spanSets(sets, fields, spansPerSpanSet);
  return { ...aboutTrace(trace), ...found, serviceStats: serviceStats(trace.serviceStats) };
}

/** The same without spans and their counts, which is how Tempo answers a search by tags. */
export const plainTraceJson = ({ trace }: Match): object => aboutTrace(trace);

function aboutTrace(trace: Match['trace']): object {
  const durationMs = Number(trace.durationNs / 1_000_000n);
  return {
    traceID: trace.traceId.replace(/^0+/, ''),
    rootServiceName: trace.root?.service || rootUnknown,
    rootTraceName: orNothing(trace.root?.name ?? ''),
    startTimeUnixNano: nanoseconds(trace.startNs),
    durationMs: durationMs === 0 ? undefined : durationMs,
  };
}

export const metricsJson = ({ traces, bytes }: Inspected): object => ({
  inspectedTraces: traces === 0 ? undefined : traces,
  inspectedBytes: bytes === 0 ? undefined : String(bytes),
  completedJobs: 1,
  totalJobs: 1,
});

/** `spanSet` is what Tempo keeps for older Grafana: the first of `spanSets`, of which there are more behind `by`. */
function* spanSets(
  sets: Match['sets'],
  fields: readonly ShownField[],
  limit: number,
): Generator<undefined, { spanSet: object; spanSets: object[] }> {
  const all = [];
  for (const { spans, facts } of sets) {
    const shown = [];
    for (const span of earliest(spans, limit)) shown.push(yield* spanJson(span, fields));
    const attributes = facts.length === 0 ? undefined : facts.map(factJson);
    all.push({ spans: shown, matched: spans.length, attributes });
  }
  return { spanSet: all[0], spanSets: all };
}

/** The first `limit` by their start, of what may be very many more. */
function earliest(spans: readonly SpanView[], limit: number): SpanView[] {
  const first: SpanView[] = [];
  for (const span of spans) {
    if (first.length === limit && (limit === 0 || span.startNs >= first[limit - 1].startNs)) continue;
    let at = first.length;
    while (at > 0 && first[at - 1].startNs > span.startNs) at--;
    first.splice(at, 0, span);
    if (first.length > limit) first.pop();
  }
  return first;
}

function* spanJson(span: SpanView, fields: readonly ShownField[]): Generator<undefined, object> {
  const attributes = [];
  for (const field of fields) {
    const attribute = attributeJson(field, span);
    if (attribute !== undefined) attributes.push(attribute);
    yield;
  }
  return {
    spanID: span.spanId,
    name: orNothing(span.name),
    startTimeUnixNano: nanoseconds(span.startNs),
    durationNanos: nanoseconds(span.durationNs),
    attributes: attributes.length === 0 ? undefined : attributes,
  };
}

/** Fields that stand elsewhere in the answer. */
const shownElsewhere = new Set([
  'name',
  'duration',
  'traceDuration',
  'rootName',
  'rootServiceName',
  'trace:id',
  'span:id',
]);

function attributeJson(shown: ShownField, span: SpanView): object | undefined {
  const { field } = shown;
  if (field.type === 'intrinsic' && shownElsewhere.has(field.name)) return undefined;
  const value = shownValue(shown, span);
  return value === undefined ? undefined : { key: field.type === 'attribute' ? field.key : field.name, value };
}

function serviceStats(stats: Map<string, { spans: number; errors: number }>): object {
  return Object.fromEntries(
    [...stats].map(([service, { spans, errors }]) => [service, { spanCount: spans, errorCount: errors || undefined }]),
  );
}

const nanoseconds = (value: bigint): string | undefined => (value === 0n ? undefined : String(value));
const orNothing = (text: string): string | undefined => (text === '' ? undefined : text);
