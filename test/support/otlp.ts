import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The OTLP messages by an independent implementation, so that tests do not believe our own reader and writer. */
const root = new protobuf.Root();
const folder = fileURLToPath(new URL('../../proto/', import.meta.url));
root.resolvePath = (_, target) => folder + target;
root.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto', { keepCase: false });

export const ExportRequestType = root.lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
export const SpanType = root.lookupType('opentelemetry.proto.trace.v1.Span');

export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  bytesValue?: string;
}
export interface KeyValue {
  key: string;
  value?: AnyValue;
}
export interface SpanObject {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name?: string;
  kind?: number;
  startTimeUnixNano?: string;
  endTimeUnixNano?: string;
  attributes?: KeyValue[];
  events?: { name?: string; attributes?: KeyValue[] }[];
  links?: { traceId: string; spanId: string; attributes?: KeyValue[] }[];
  status?: { code?: number; message?: string };
  flags?: number;
}
export interface RequestObject {
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] };
    schemaUrl?: string;
    scopeSpans?: { scope?: { name?: string; version?: string }; schemaUrl?: string; spans?: SpanObject[] }[];
  }[];
}

const base64ToHex = (text: string): string => Buffer.from(text, 'base64').toString('hex');

/**
 * Decodes a request without minding whether its strings are UTF-8: the gateway, like the collector, forwards text as it
 * came. Everything else that is malformed throws.
 */
export function decodeAnyText(bytes: Uint8Array): void {
  const reader = protobuf.Reader.create(bytes);
  reader.string = reader.stringVerify = () => Buffer.from(reader.bytes()).toString('latin1');
  ExportRequestType.decode(reader);
}

/** Decodes a request; ids in hex, 64-bit integers as decimal strings, bytes in base64, enums as numbers. */
export function decodeRequest(bytes: Uint8Array): RequestObject {
  const request = ExportRequestType.toObject(ExportRequestType.decode(bytes), {
    longs: String,
    bytes: String,
  }) as RequestObject;
  for (const span of spansIn(request)) {
    span.traceId = base64ToHex(span.traceId ?? '');
    span.spanId = base64ToHex(span.spanId ?? '');
    if (span.parentSpanId !== undefined) span.parentSpanId = base64ToHex(span.parentSpanId);
  }
  return request;
}

export function spansIn(request: RequestObject): SpanObject[] {
  return (request.resourceSpans ?? []).flatMap((r) => (r.scopeSpans ?? []).flatMap((s) => s.spans ?? []));
}

export function attribute(span: { attributes?: KeyValue[] }, key: string): unknown {
  const value = span.attributes?.find((a) => a.key === key)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
}
