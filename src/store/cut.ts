import { Request, ResourceSpans, ScopeSpans, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { addSpan, noteRoot, type Totals, traceIdOf } from './add-span.ts';
import { AttributeTerms, type TagSink } from './attribute-terms.ts';
import { writeDigest } from './digest.ts';
import { EnvelopeTerms, isAt } from './envelope-terms.ts';
import { addField, bodyBytes, type Envelope, type ResourceEnvelope, type Slice, writeBody } from './part-body.ts';
import { TermSet } from './term-set.ts';

/** One trace's spans of one request, or some of them where they are many, ready to store. Times are Unix milliseconds, 0 where no span has one. */
export interface Part {
  /** As the span has it: 16 bytes unless something is wrong with it. */
  readonly traceId: Uint8Array;
  /** digest.ts; lent until the next part. */
  readonly digest: Uint8Array;
  /**
   * Serialized ResourceSpans fields of a request or of tempopb.Trace; spans, resources and scopes byte for byte. Lent
   * until the next part.
   */
  readonly body: Uint8Array;
  readonly startMs: number;
  readonly endMs: number;
}

const { length } = WireType;
const resourceTag = tag(ResourceSpans.resource, length);
const scopeSpansTag = tag(ResourceSpans.scopeSpans, length);
const spansTag = tag(ScopeSpans.spans, length);
const usualBytes = 16_384;
const mostPartBytes = 1024 * 1024;
const mostPartSpans = 1000;
const mostBytesKept = 4 * 1024 * 1024;
const scopeTag = tag(ScopeSpans.scope, length);
const noText = new Reader(new Uint8Array(0));

/** Which spans of the request a trace has. */
interface Draft {
  readonly traceId: Uint8Array;
  readonly slices: Slice[];
}

/** Cuts requests into the parts of their traces. What it reads and writes with is used again for each. */
export class Cutter {
  readonly #attributes: AttributeTerms;
  readonly #envelopes: EnvelopeTerms;
  readonly #terms = new TermSet();
  readonly #digest = new Writer();
  #writer = new Writer(usualBytes);
  /** Of the last request: those of traces that there was no room for. */
  refusedSpans = 0;

  constructor(tags: TagSink) {
    this.#attributes = new AttributeTerms(tags);
    this.#envelopes = new EnvelopeTerms(this.#attributes);
  }

  /**
   * The parts of an ExportTraceServiceRequest, in the order their traces' first spans stand in it. Throws MalformedError, maybe
   * between parts. Each trace has what surrounds its spans once more: where all of them would be more than `mostBytes`,
   * the largest are refused.
   */
  *cut(request: Uint8Array, mostBytes = Number.POSITIVE_INFINITY): Generator<Part> {
    const drafts = new Drafts();
    const reader = new Reader(request);
    while (reader.next()) {
      if (reader.field === Request.resourceSpans && reader.wireType === length)
        this.#cutResource(reader.message(), drafts);
      else reader.skip();
    }
    const all = [...drafts.all()];
    const taken = within(mostBytes, all);
    this.refusedSpans = spansIn(all) - spansIn(taken);
    for (const { traceId, slices } of taken) {
      let roots = 0;
      for (const some of inParts(slices)) {
        const { part, totals } = this.#finish(request, traceId, some);
        roots += totals.roots;
        yield part;
      }
      if (roots === 0) noteRoot(noText, noText, this.#attributes);
    }
    // What one giant trace took is not kept for those to come.
    if (this.#writer.buf.length > mostBytesKept) this.#writer = new Writer(usualBytes);
  }

  #cutResource(r: Reader, drafts: Drafts): void {
    const resource: ResourceEnvelope = { fields: [], bytes: 0, terms: new Int32Array(0), service: undefined };
    const scopes: Reader[] = [];
    this.#terms.clear();
    for (let start = r.pos; r.next(); start = r.pos) {
      const field = r.field * 8 + r.wireType;
      if (field === scopeSpansTag) {
        scopes.push(r.message());
        continue;
      }
      if (field === resourceTag) this.#envelopes.readResource(r.message(), resource, this.#terms);
      else r.skip();
      addField(resource, start, r.pos);
    }
    resource.terms = this.#terms.values().slice();
    for (const scope of scopes) this.#cutScope(scope, resource, drafts);
  }

  #cutScope(r: Reader, resource: ResourceEnvelope, drafts: Drafts): void {
    const scope: Envelope = { fields: [], bytes: 0, terms: resource.terms };
    const span = new Reader(r.buf, 0, 0);
    let isNamed = false;
    for (let start = r.pos; r.next(); start = r.pos) {
      const field = r.field * 8 + r.wireType;
      if (field === spansTag) {
        span.enter(r);
        drafts.of(traceIdOf(span)).slices.push({ start: span.pos, end: span.end, resource, scope });
        continue;
      }
      if (field === scopeTag) {
        this.#envelopes.readScope(r.message());
        isNamed = true;
      } else r.skip();
      addField(scope, start, r.pos);
    }
    if (!isNamed) this.#envelopes.readScope(noText);
  }

  #finish(request: Uint8Array, traceId: Uint8Array, slices: readonly Slice[]): { part: Part; totals: Totals } {
    const totals: Totals = { terms: this.#terms, errors: 0, longestNs: 0, startMs: 0, endMs: 0, roots: 0 };
    this.#terms.clear();
    let resource: Envelope | undefined;
    for (const slice of slices) {
      if (slice.resource !== resource) for (const term of slice.resource.terms) this.#terms.add(term);
      resource = slice.resource;
      addSpan(request, slice, totals, this.#attributes);
    }
    const body = writeBody(request, slices, this.#writer.reset());
    const { startMs, endMs } = totals;
    return { part: { traceId, digest: writeDigest(totals, this.#digest), body, startMs, endMs }, totals };
  }
}

/** All of them, or as many of the smallest as there is room for. */
function within(mostBytes: number, drafts: readonly Draft[]): readonly Draft[] {
  const sized = drafts.map((draft) => ({ draft, bytes: bodyBytes(draft.slices) }));
  const all = sized.reduce((sum, { bytes }) => sum + bytes, 0);
  if (all <= mostBytes) return drafts;
  let left = mostBytes;
  return sized
    .sort((a, b) => a.bytes - b.bytes)
    .filter(({ bytes }) => (left -= bytes) >= 0)
    .map(({ draft }) => draft);
}

const spansIn = (drafts: readonly Draft[]): number => drafts.reduce((sum, { slices }) => sum + slices.length, 0);

/** Of a large trace: it is read one part after the other, and other work has its turn between them. */
function* inParts(slices: readonly Slice[]): Generator<readonly Slice[]> {
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < slices.length; i++) {
    const { start, end } = slices[i];
    if (i - first === mostPartSpans || (i > first && bytes + end - start > mostPartBytes)) {
      yield slices.slice(first, i);
      first = i;
      bytes = 0;
    }
    bytes += end - start;
  }
  yield first === 0 ? slices : slices.slice(first);
}

/**
 * The traces of a request by their ids. Spans of one trace mostly follow each other, so the last one is asked first.
 */
class Drafts {
  readonly #byId = new Map<string, Draft>();
  #last: Draft | undefined;

  all(): Iterable<Draft> {
    return this.#byId.values();
  }

  of(id: Reader): Draft {
    if (this.#last === undefined || !isAt(id, this.#last.traceId)) this.#last = this.#find(id);
    return this.#last;
  }

  #find({ buf, pos, end }: Reader): Draft {
    const bytes = Buffer.from(buf.buffer, buf.byteOffset + pos, end - pos);
    const key = bytes.toString('latin1');
    let draft = this.#byId.get(key);
    if (draft === undefined) this.#byId.set(key, (draft = { traceId: bytes, slices: [] }));
    return draft;
  }
}
