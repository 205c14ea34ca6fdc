import { Request, Resource, ResourceSpans, ScopeSpans, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { addSpan, type Totals, traceIdOf } from './add-span.ts';
import { readAttribute, type TagSink } from './attribute-terms.ts';
import type { Summary } from './digest.ts';
import { type Envelope, type Slice, writeBody } from './part-body.ts';

/** One trace's spans of one request, ready to store. Times are Unix milliseconds, 0 where no span has one. */
export interface Part extends Summary {
  /** 16 bytes, the request's own. */
  readonly traceId: Uint8Array;
  /** Serialized ResourceSpans fields of a request or of tempopb.Trace; spans, resources and scopes byte for byte. */
  readonly body: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

const { length } = WireType;
const resourceTag = tag(ResourceSpans.resource, length);
const scopeSpansTag = tag(ResourceSpans.scopeSpans, length);
const spansTag = tag(ScopeSpans.spans, length);
const attributesTag = tag(Resource.attributes, length);

/** A part in the making. */
interface Draft extends Totals {
  readonly traceId: Uint8Array;
  readonly slices: Slice[];
  readonly resources: Set<Envelope>;
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
      const draft = draftOf(traceIdOf(span), drafts);
      draft.slices.push({ start: span.pos, end: span.end, resource, scope });
      draft.resources.add(resource);
      addSpan(span, draft, tags);
    } else {
      r.skip();
      scope.fields.push({ start, end: r.pos });
    }
  }
}

function readResource(r: Reader, resource: Envelope, tags: TagSink): void {
  while (r.next()) {
    if (r.field * 8 + r.wireType === attributesTag) readAttribute(r.message(), 'resource', resource.terms, tags);
    else r.skip();
  }
}

function draftOf(traceId: Uint8Array, drafts: Map<string, Draft>): Draft {
  const key = String.fromCharCode(...traceId);
  let draft = drafts.get(key);
  if (draft === undefined) drafts.set(key, (draft = emptyDraft(traceId)));
  return draft;
}

const emptyDraft = (traceId: Uint8Array): Draft => ({
  traceId,
  slices: [],
  resources: new Set(),
  terms: new Set(),
  errors: 0,
  longestNs: 0,
  startNs: 0,
  endNs: 0,
});

function finish(request: Uint8Array, draft: Draft, writer: Writer): Part {
  for (const resource of draft.resources) for (const term of resource.terms) draft.terms.add(term);
  const { traceId, terms, errors, longestNs, startNs, endNs } = draft;
  const times = { startMs: Math.floor(startNs / 1e6), endMs: Math.ceil(endNs / 1e6) };
  return { traceId, terms, errors, longestNs, ...times, body: writeBody(request, draft.slices, writer.reset()) };
}
