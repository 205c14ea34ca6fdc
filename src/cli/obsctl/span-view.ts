import { type JsonObject, listOf, type OtlpTrace, objectOf, textOf, valueText } from './otlp-json.ts';

/** A span as the tree shows it. Ids are hex, times Unix nanoseconds (0 = not known). */
export interface SpanView {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly error: boolean;
  readonly statusMessage: string;
  readonly traceState: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly events: readonly EventView[];
}

export interface EventView {
  readonly name: string;
  readonly timeNs: bigint;
  readonly attributes: ReadonlyMap<string, string>;
}

/** All spans of a trace, each with its service, in the order they are stored. */
export function spansOf(trace: OtlpTrace): SpanView[] {
  return trace.resourceSpans.flatMap((envelope) => {
    const resource = attributesOf(objectOf(envelope.resource));
    const spans = listOf(envelope.scopeSpans).flatMap((scope) => listOf(scope.spans));
    return spans.map((span) => spanView(span, resource.get('service.name') || 'unknown'));
  });
}

function spanView(span: JsonObject, service: string): SpanView {
  const status = objectOf(span.status);
  return {
    traceId: textOf(span.traceId),
    spanId: textOf(span.spanId),
    parentSpanId: textOf(span.parentSpanId).replace(/^0+$/, ''),
    service,
    name: textOf(span.name),
    kind: typeof span.kind === 'number' ? span.kind : 0,
    startNs: nanoseconds(span.startTimeUnixNano),
    endNs: nanoseconds(span.endTimeUnixNano),
    error: status.code === 2,
    statusMessage: textOf(status.message),
    traceState: textOf(span.traceState),
    attributes: attributesOf(span),
    events: listOf(span.events).map(eventView),
  };
}

const eventView = (event: JsonObject): EventView => ({
  name: textOf(event.name),
  timeNs: nanoseconds(event.timeUnixNano),
  attributes: attributesOf(event),
});

/** Of equal keys the first counts. */
function attributesOf(holder: JsonObject): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const { key, value } of listOf(holder.attributes))
    if (!attributes.has(textOf(key))) attributes.set(textOf(key), valueText(value));
  return attributes;
}

/** 64-bit integers come as strings, from some writers as numbers. */
function nanoseconds(value: unknown): bigint {
  if (typeof value === 'string' && /^\d{1,20}$/.test(value)) return BigInt(value);
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? BigInt(value) : 0n;
}
