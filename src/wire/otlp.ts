/**
 * Field numbers and tags of the OTLP trace messages on the wire.
 * Source: opentelemetry-proto v1.11, opentelemetry/proto/{collector/trace,trace,resource,common}/v1.
 */
export const WireType = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** ExportTraceServiceRequest, and TracesData, which has the same shape. */
export const Request = { resourceSpans: 1 } as const;
export const ResourceSpans = { resource: 1, scopeSpans: 2, schemaUrl: 3 } as const;
/**
 * In ResourceSpans: what SDKs of 2021 call scope spans. Same content; deprecated in v0.15 and reserved now. See
 * RequestScan.
 */
export const instrumentationLibrarySpans = 1000;
export const Resource = { attributes: 1, droppedAttributesCount: 2, entityRefs: 3 } as const;
export const ScopeSpans = { scope: 1, spans: 2, schemaUrl: 3 } as const;
export const Scope = { name: 1, version: 2, attributes: 3, droppedAttributesCount: 4 } as const;
export const Span = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  startTimeUnixNano: 7,
  endTimeUnixNano: 8,
  attributes: 9,
  droppedAttributesCount: 10,
  events: 11,
  droppedEventsCount: 12,
  links: 13,
  droppedLinksCount: 14,
  status: 15,
  flags: 16,
} as const;
export const Event = { timeUnixNano: 1, name: 2, attributes: 3, droppedAttributesCount: 4 } as const;
export const Link = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  attributes: 4,
  droppedAttributesCount: 5,
  flags: 6,
} as const;
export const Status = { message: 2, code: 3 } as const;
export const StatusCode = { UNSET: 0, OK: 1, ERROR: 2 } as const;
export const KeyValue = { key: 1, value: 2 } as const;
export const AnyValue = { string: 1, bool: 2, int: 3, double: 4, array: 5, kvlist: 6, bytes: 7 } as const;
/** ArrayValue and KeyValueList. */
export const ListValue = { values: 1 } as const;

/** The tag that precedes a field: number and wire type in one varint. */
export const tag = (field: number, wireType: number): number => (field << 3) | wireType;
