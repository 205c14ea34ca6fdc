import {
  AnyValue,
  Event,
  KeyValue,
  Link,
  ListValue,
  Request,
  Resource,
  ResourceSpans,
  Scope,
  ScopeSpans,
  Span,
  Status,
} from '../../wire/otlp.ts';
import { Writer } from '../../wire/writer.ts';
import type { Attributes, AttributeValue, DemoEvent, DemoLink, DemoResource, DemoScope, DemoSpan } from './span.ts';

/**
 * Spans as one serialized ExportTraceServiceRequest (opentelemetry-proto v1), one envelope for each resource and scope.
 */
export function encodeRequest(spans: readonly DemoSpan[]): Uint8Array {
  const w = new Writer(spans.length * 512 + 1024);
  for (const [resource, ofResource] of Map.groupBy(spans, (span) => span.resource)) {
    const envelope = w.open(Request.resourceSpans);
    writeResource(w, resource);
    for (const [scope, ofScope] of Map.groupBy(ofResource, (span) => span.scope)) writeScope(w, scope, ofScope);
    if (resource.schemaUrl) w.string(ResourceSpans.schemaUrl, resource.schemaUrl);
    w.close(envelope);
  }
  return w.finish();
}

function writeResource(w: Writer, resource: DemoResource): void {
  const mark = w.open(ResourceSpans.resource);
  writeAttributes(w, Resource.attributes, resource.attributes);
  w.close(mark);
}

function writeScope(w: Writer, scope: DemoScope, spans: readonly DemoSpan[]): void {
  const mark = w.open(ResourceSpans.scopeSpans);
  const inner = w.open(ScopeSpans.scope);
  if (scope.name) w.string(Scope.name, scope.name);
  if (scope.version) w.string(Scope.version, scope.version);
  w.close(inner);
  for (const span of spans) writeSpan(w, span);
  w.close(mark);
}

function writeSpan(w: Writer, span: DemoSpan): void {
  const mark = w.open(ScopeSpans.spans);
  w.bytes(Span.traceId, Buffer.from(span.traceId, 'hex'));
  w.bytes(Span.spanId, Buffer.from(span.spanId, 'hex'));
  if (span.traceState) w.string(Span.traceState, span.traceState);
  if (span.parentSpanId) w.bytes(Span.parentSpanId, Buffer.from(span.parentSpanId, 'hex'));
  w.string(Span.name, span.name);
  writeVarint(w, Span.kind, span.kind);
  writeFixed64(w, Span.startTimeUnixNano, span.startNs);
  writeFixed64(w, Span.endTimeUnixNano, span.endNs);
  writeAttributes(w, Span.attributes, span.attributes);
  writeVarint(w, Span.droppedAttributesCount, span.droppedAttributes);
  for (const event of span.events) writeEvent(w, event);
  for (const link of span.links) writeLink(w, link);
  writeStatus(w, span.status);
  if (span.flags > 0) {
    w.tag(Span.flags, 5);
    w.fixed32(span.flags);
  }
  w.close(mark);
}

function writeEvent(w: Writer, event: DemoEvent): void {
  const mark = w.open(Span.events);
  writeFixed64(w, Event.timeUnixNano, event.timeNs);
  w.string(Event.name, event.name);
  writeAttributes(w, Event.attributes, event.attributes);
  w.close(mark);
}

function writeLink(w: Writer, link: DemoLink): void {
  const mark = w.open(Span.links);
  w.bytes(Link.traceId, Buffer.from(link.traceId, 'hex'));
  w.bytes(Link.spanId, Buffer.from(link.spanId, 'hex'));
  w.close(mark);
}

function writeStatus(w: Writer, status: DemoSpan['status']): void {
  if (status.code === 0) return;
  const mark = w.open(Span.status);
  if (status.message) w.string(Status.message, status.message);
  writeVarint(w, Status.code, status.code);
  w.close(mark);
}

function writeAttributes(w: Writer, field: number, attributes: Attributes): void {
  for (const key in attributes) {
    const mark = w.open(field);
    w.string(KeyValue.key, key);
    writeValue(w, KeyValue.value, attributes[key]);
    w.close(mark);
  }
}

/** Whole numbers travel as int, others as double. */
function writeValue(w: Writer, field: number, value: AttributeValue): void {
  const mark = w.open(field);
  if (typeof value === 'string') w.string(AnyValue.string, value);
  else if (typeof value === 'boolean') {
    w.tag(AnyValue.bool, 0);
    w.varint(value ? 1 : 0);
  } else if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    w.tag(AnyValue.int, 0);
    w.int64(BigInt(value as number | bigint));
  } else if (typeof value === 'number') {
    w.tag(AnyValue.double, 1);
    w.double(value);
  } else {
    const list = w.open(AnyValue.array);
    for (const item of value) writeValue(w, ListValue.values, item);
    w.close(list);
  }
  w.close(mark);
}

function writeVarint(w: Writer, field: number, value: number): void {
  if (value === 0) return;
  w.tag(field, 0);
  w.varint(value);
}

function writeFixed64(w: Writer, field: number, value: bigint): void {
  w.tag(field, 1);
  w.fixed64(value);
}
