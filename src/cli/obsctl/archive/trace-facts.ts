import {
  AnyValue,
  KeyValue,
  Request,
  Resource,
  ResourceSpans,
  ScopeSpans,
  Span,
  WireType,
} from '../../../wire/otlp.ts';
import { Reader } from '../../../wire/reader.ts';
import { TraceFault } from './trace-text.ts';

/** What is said of a trace without reading it. */
export interface TraceFacts {
  /** 32 hex digits; empty where there is no span. */
  readonly traceId: string;
  readonly spans: number;
  /** Unix nanoseconds; 0 where no span says. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Of the earliest span without a parent; empty where there is none. */
  readonly rootService: string;
  readonly rootName: string;
}

/**
 * Reads a trace's spans once. Throws TraceFault where one is of another trace than `traceId` (32 hex digits; undefined = that of the first), and
 * MalformedError for what is no protobuf.
 */
export function factsOf(trace: Uint8Array, traceId: string | undefined): TraceFacts {
  const facts = { traceId: traceId ?? '', spans: 0, startNs: 0n, endNs: 0n, rootService: '', rootName: '' };
  let rootNs: bigint | undefined;
  for (const resourceSpans of children(new Reader(trace), Request.resourceSpans)) {
    const service = serviceOf(copy(resourceSpans));
    for (const scopeSpans of children(resourceSpans, ResourceSpans.scopeSpans))
      for (const each of children(scopeSpans, ScopeSpans.spans)) {
        const span = spanOf(each);
        const id = span.traceId.padStart(32, '0');
        facts.traceId ||= id;
        if (id !== facts.traceId) throw new TraceFault(`it has a span of another trace, ${span.traceId || '(none)'}`);
        facts.spans++;
        if (span.startNs > 0n && (facts.startNs === 0n || span.startNs < facts.startNs)) facts.startNs = span.startNs;
        if (span.endNs > facts.endNs) facts.endNs = span.endNs;
        if (span.isRoot && (rootNs === undefined || span.startNs < rootNs)) {
          rootNs = span.startNs;
          facts.rootService = service;
          facts.rootName = span.name;
        }
      }
  }
  return facts;
}

/** A trace's spans by their ids, in hex. */
export interface SpanIds {
  readonly ids: ReadonlySet<string>;
  /** Two spans may share an id, as a client and its server do with B3: then they differ in kind. Id and kind of each. */
  readonly spans: ReadonlySet<string>;
}

export function spanIds(trace: Uint8Array): SpanIds {
  const ids = new Set<string>();
  const spans = new Set<string>();
  for (const resourceSpans of children(new Reader(trace), Request.resourceSpans))
    for (const scopeSpans of children(resourceSpans, ResourceSpans.scopeSpans))
      for (const each of children(scopeSpans, ScopeSpans.spans)) {
        const { spanId, kind } = spanOf(each);
        ids.add(spanId);
        spans.add(`${spanId} ${kind}`);
      }
  return { ids, spans };
}

/**
 * How many of the wanted spans are not in what a store answers. Of two that share an id Tempo shows one under an id of
 * its own (modules/frontend, "span id deduper"), so both are there when the id is, and as many spans as wanted.
 */
export function missingIn(answer: Uint8Array, wanted: SpanIds): number {
  const there = spanIds(answer);
  const absent = [...wanted.ids].filter((id) => !there.ids.has(id)).length;
  return Math.max(absent, wanted.spans.size - there.spans.size);
}

function spanOf(r: Reader) {
  const span = { traceId: '', spanId: '', isRoot: true, name: '', kind: 0, startNs: 0n, endNs: 0n };
  while (r.next()) {
    if (r.field === Span.traceId && r.wireType === WireType.length) span.traceId = hex(r.bytes());
    else if (r.field === Span.spanId && r.wireType === WireType.length) span.spanId = hex(r.bytes());
    else if (r.field === Span.parentSpanId && r.wireType === WireType.length)
      span.isRoot = !r.bytes().some((byte) => byte !== 0);
    else if (r.field === Span.name && r.wireType === WireType.length) span.name = r.string();
    else if (r.field === Span.kind && r.wireType === WireType.varint) span.kind = r.varint();
    else if (r.field === Span.startTimeUnixNano && r.wireType === WireType.fixed64) span.startNs = r.fixed64();
    else if (r.field === Span.endTimeUnixNano && r.wireType === WireType.fixed64) span.endNs = r.fixed64();
    else r.skip();
  }
  return span;
}

function serviceOf(resourceSpans: Reader): string {
  for (const resource of children(resourceSpans, ResourceSpans.resource))
    for (const attribute of children(resource, Resource.attributes)) {
      let [key, value] = ['', ''];
      while (attribute.next()) {
        if (attribute.field === KeyValue.key && attribute.wireType === WireType.length) key = attribute.string();
        else if (attribute.field === KeyValue.value && attribute.wireType === WireType.length)
          value = textOf(attribute.message());
        else attribute.skip();
      }
      if (key === 'service.name') return value;
    }
  return '';
}

function textOf(any: Reader): string {
  let text = '';
  while (any.next()) {
    if (any.field === AnyValue.string && any.wireType === WireType.length) text = any.string();
    else any.skip();
  }
  return text;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
const copy = ({ buf, pos, end }: Reader): Reader => new Reader(buf, pos, end);

function* children(r: Reader, field: number): Generator<Reader> {
  while (r.next()) {
    if (r.field === field && r.wireType === WireType.length) yield r.message();
    else r.skip();
  }
}
