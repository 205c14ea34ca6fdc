import {
  AnyValue,
  KeyValue,
  ListValue,
  Request,
  Resource,
  ResourceSpans,
  ScopeSpans,
  Span,
  Status,
  StatusCode,
  tag,
  WireType,
} from '../../wire/otlp.ts';
import { Reader } from '../../wire/reader.ts';
import { Writer } from '../../wire/writer.ts';
import type { Summary } from './digest.ts';
import { hashKey, hashScalar, nameTerm, type TermScope } from './terms.ts';

/** One trace's spans of one request, ready to store. Times are Unix milliseconds, 0 where no span has one. */
export interface Part extends Summary {
  /** 16 bytes, the request's own. */
  readonly traceId: Uint8Array;
  /** Serialized ResourceSpans fields of a request or of tempopb.Trace; spans, resources and scopes byte for byte. */
  readonly body: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

/** Told of every scalar attribute and of every span name (`keyHash` 0). What it has seen it knows by the term. */
export interface TagSink {
  note(scope: TermScope, keyHash: number, term: number, key: Reader, value: Reader): void;
}

const { varint, fixed64, length } = WireType;
const resourceTag = tag(ResourceSpans.resource, length);
const scopeSpansTag = tag(ResourceSpans.scopeSpans, length);
const spansTag = tag(ScopeSpans.spans, length);
const resourceAttributesTag = tag(Resource.attributes, length);
const traceIdTag = tag(Span.traceId, length);
const nameTag = tag(Span.name, length);
const startTag = tag(Span.startTimeUnixNano, fixed64);
const endTag = tag(Span.endTimeUnixNano, fixed64);
const attributesTag = tag(Span.attributes, length);
const statusTag = tag(Span.status, length);
const codeTag = tag(Status.code, varint);
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const listTag = tag(AnyValue.array, length);
const elementTag = tag(ListValue.values, length);

/** A run of bytes in the request. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** What surrounds spans: the fields of ResourceSpans or ScopeSpans other than the nested ones, tags included. */
interface Envelope {
  readonly fields: Range[];
  readonly terms: Set<number>;
}

interface Slice extends Range {
  readonly resource: Envelope;
  readonly scope: Envelope;
}

interface Draft {
  readonly traceId: Uint8Array;
  readonly slices: Slice[];
  readonly terms: Set<number>;
  readonly resources: Set<Envelope>;
  errors: number;
  longestNs: number;
  startNs: number;
  endNs: number;
}

/** Cuts an ExportTraceServiceRequest into the parts of its traces, in the order their first spans stand in it. */
export function cutRequest(request: Uint8Array, tags: TagSink): Part[] {
  const drafts = new Map<string, Draft>();
  const reader = new Reader(request);
  while (reader.next()) {
    if (reader.field === Request.resourceSpans && reader.wireType === length)
      cutResource(reader.message(), drafts, tags);
    else reader.skip();
  }
  const writer = new Writer(16_384);
  return [...drafts.values()].map((draft) => finish(request, draft, writer));
}

function cutResource(r: Reader, drafts: Map<string, Draft>, tags: TagSink): void {
  const resource: Envelope = { fields: [], terms: new Set() };
  const scopes: Reader[] = [];
  for (let start = r.pos; r.next(); start = r.pos) {
    const field = r.field * 8 + r.wireType;
    if (field === scopeSpansTag) {
      scopes.push(r.message());
      continue;
    }
    if (field === resourceTag) readResource(r.message(), resource, tags);
    else r.skip();
    resource.fields.push({ start, end: r.pos });
  }
  for (const scope of scopes) cutScope(scope, resource, drafts, tags);
}

function cutScope(r: Reader, resource: Envelope, drafts: Map<string, Draft>, tags: TagSink): void {
  const scope: Envelope = { fields: [], terms: new Set() };
  for (let start = r.pos; r.next(); start = r.pos) {
    if (r.field * 8 + r.wireType === spansTag) {
      const span = r.message();
      readSpan(span, { start: span.pos, end: span.end, resource, scope }, drafts, tags);
    } else {
      r.skip();
      scope.fields.push({ start, end: r.pos });
    }
  }
}

function readResource(r: Reader, resource: Envelope, tags: TagSink): void {
  while (r.next()) {
    if (r.field * 8 + r.wireType === resourceAttributesTag)
      readAttribute(r.message(), 'resource', resource.terms, tags);
    else r.skip();
  }
}

function readSpan(r: Reader, slice: Slice, drafts: Map<string, Draft>, tags: TagSink): void {
  const draft = draftOf(traceIdOf(r), drafts);
  draft.slices.push(slice);
  draft.resources.add(slice.resource);
  let start = 0;
  let end = 0;
  while (r.next()) {
    const field = r.field * 8 + r.wireType;
    if (field === attributesTag) readAttribute(r.message(), 'span', draft.terms, tags);
    else if (field === nameTag) readName(r.message(), draft, tags);
    else if (field === startTag) start = readNanoseconds(r);
    else if (field === endTag) end = readNanoseconds(r);
    else if (field === statusTag) draft.errors += isError(r.message()) ? 1 : 0;
    else r.skip();
  }
  if (start > 0) draft.startNs = draft.startNs === 0 ? start : Math.min(draft.startNs, start);
  draft.endNs = Math.max(draft.endNs, start, end);
  draft.longestNs = Math.max(draft.longestNs, end - start);
}

/** The trace ID is the first field of every encoder we know of, and may stand anywhere. */
function traceIdOf(r: Reader): Uint8Array {
  const probe = new Reader(r.buf, r.pos, r.end);
  let traceId: Uint8Array = new Uint8Array(16);
  while (probe.next()) {
    if (probe.field * 8 + probe.wireType !== traceIdTag) probe.skip();
    else {
      traceId = probe.bytes();
      if (traceId.length === 16) break;
    }
  }
  return traceId;
}

function draftOf(traceId: Uint8Array, drafts: Map<string, Draft>): Draft {
  const key = String.fromCharCode(...traceId);
  let draft = drafts.get(key);
  if (draft === undefined) {
    draft = {
      traceId,
      slices: [],
      terms: new Set(),
      resources: new Set(),
      errors: 0,
      longestNs: 0,
      startNs: 0,
      endNs: 0,
    };
    drafts.set(key, draft);
  }
  return draft;
}

function readName(name: Reader, draft: Draft, tags: TagSink): void {
  const term = nameTerm(name.buf, name.pos, name.end);
  if (draft.terms.has(term)) return;
  draft.terms.add(term);
  tags.note('name', 0, term, name, name);
}

/** As a double: exact to 256 ns in this century, enough for milliseconds and for a search's first look. */
function readNanoseconds(r: Reader): number {
  const low = r.fixed32();
  return r.fixed32() * 4_294_967_296 + low;
}

function isError(status: Reader): boolean {
  let code = 0;
  while (status.next()) {
    if (status.field * 8 + status.wireType === codeTag) code = status.varint();
    else status.skip();
  }
  return code === StatusCode.ERROR;
}

function readAttribute(r: Reader, scope: TermScope, terms: Set<number>, tags: TagSink): void {
  let key = new Reader(r.buf, r.pos, r.pos);
  let value: Reader | undefined;
  while (r.next()) {
    const field = r.field * 8 + r.wireType;
    if (field === keyTag) key = r.message();
    else if (field === valueTag) value = r.message();
    else r.skip();
  }
  if (value === undefined) return;
  const keyHash = hashKey(scope, key.buf, key.pos, key.end);
  addTerms(value, keyHash, true, (term, scalar) => {
    if (terms.has(term)) return;
    terms.add(term);
    tags.note(scope, keyHash, term, key, scalar);
  });
}

/** Gives the term of an AnyValue, or those of a list's elements, as a query matches a list by its elements. */
function addTerms(value: Reader, keyHash: number, lists: boolean, add: (term: number, value: Reader) => void): void {
  const start = value.pos;
  while (value.next()) {
    if (lists && value.field * 8 + value.wireType === listTag) {
      const list = value.message();
      while (list.next()) {
        if (list.field * 8 + list.wireType === elementTag) addTerms(list.message(), keyHash, false, add);
        else list.skip();
      }
      continue;
    }
    const term = hashScalar(keyHash, value);
    if (term !== 0) add(term, new Reader(value.buf, start, value.end));
  }
}

function finish(request: Uint8Array, draft: Draft, writer: Writer): Part {
  for (const resource of draft.resources) for (const term of resource.terms) draft.terms.add(term);
  const { traceId, terms, errors, longestNs, startNs, endNs } = draft;
  const times = { startMs: Math.floor(startNs / 1e6), endMs: Math.ceil(endNs / 1e6) };
  return { traceId, terms, errors, longestNs, ...times, body: writeBody(request, draft.slices, writer.reset()) };
}

function writeBody(request: Uint8Array, slices: readonly Slice[], w: Writer): Uint8Array {
  for (let i = 0; i < slices.length; ) {
    const { resource } = slices[i];
    const resourceMark = w.open(Request.resourceSpans);
    for (const { start, end } of resource.fields) w.raw(request, start, end);
    while (i < slices.length && slices[i].resource === resource) i = writeScope(request, slices, i, w);
    w.close(resourceMark);
  }
  return w.finish();
}

function writeScope(request: Uint8Array, slices: readonly Slice[], first: number, w: Writer): number {
  const { scope } = slices[first];
  const mark = w.open(ResourceSpans.scopeSpans);
  for (const { start, end } of scope.fields) w.raw(request, start, end);
  let i = first;
  for (; i < slices.length && slices[i].scope === scope; i++)
    w.bytes(ScopeSpans.spans, request, slices[i].start, slices[i].end);
  w.close(mark);
  return i;
}
