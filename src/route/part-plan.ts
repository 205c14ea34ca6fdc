import { Slice } from '../model/slice.ts';
import { canBeSkipped, type Envelope, skippable } from '../wire/envelope.ts';
import type { Envelopes } from '../wire/envelopes.ts';
import { Request, ResourceSpans, ScopeSpans, WireType } from '../wire/otlp.ts';
import { fieldBytes, type Writer } from '../wire/writer.ts';

/** Slices of one request, as a scan found them; see model/slice.ts. */
export interface ScannedSlices {
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly stride: number;
  readonly count: number;
}

/** A ScopeSpans of a part: slices of one envelope, one after the other. */
interface Section {
  readonly envelope: Envelope;
  /** Whether a ResourceSpans begins with it, and how long that is; else it is in the one of those before. */
  readonly isFirst: boolean;
  resourceBytes: number;
  /** Of the ScopeSpans. */
  scopeBytes: number;
  /** Where its slices are in the order. */
  readonly from: number;
  to: number;
}

const spansTag = ScopeSpans.spans * 8 + WireType.length;

/**
 * What a part of a request becomes, to the byte: so it is written in one go, each length where it belongs, and slices
 * that lay side by side are copied together.
 */
export class PartPlan {
  readonly bytes: number;
  readonly #of: ScannedSlices;
  /** The slices that are in it, in their order. */
  readonly #order: Int32Array;
  readonly #sections: Section[] = [];

  constructor(of: ScannedSlices, order: Int32Array, envelopes: Envelopes) {
    this.#of = of;
    this.#order = order;
    this.#cut(envelopes);
    this.bytes = this.#measure();
  }

  get spans(): number {
    return this.#order.length;
  }

  /** Writes it to `out`, and to `found`, where that is wanted, the rows that a scan of it would find. */
  write(out: Writer, found?: Int32Array): void {
    let resourceSpansAt = 0;
    for (const section of this.#sections) {
      const { envelope, isFirst, from, to } = section;
      if (isFirst) {
        out.tag(Request.resourceSpans, WireType.length);
        resourceSpansAt = out.pos;
        out.varint(section.resourceBytes);
        if (envelope.resource.length > 0) out.bytes(ResourceSpans.resource, envelope.resource);
        out.raw(envelope.resourceRest);
      }
      out.tag(ResourceSpans.scopeSpans, WireType.length);
      const scopeSpansAt = out.pos;
      out.varint(section.scopeBytes);
      if (envelope.scope.length > 0) out.bytes(ScopeSpans.scope, envelope.scope);
      out.raw(envelope.scopeRest);
      this.#writeSpans(section, out, found);
      if (found === undefined) continue;
      const isMarked = canBeSkipped(to - from, out.pos, out.buf, out.pos);
      this.#placeIn(found, section, resourceSpansAt, isMarked ? scopeSpansAt | skippable : scopeSpansAt);
    }
  }

  #cut(envelopes: Envelopes): void {
    const { rows, stride } = this.#of;
    let resourceSpansAt = -1;
    let section: Section | undefined;
    let scopeSpansAt = -1;
    for (let n = 0; n < this.#order.length; n++) {
      const row = this.#order[n] * stride;
      if (section === undefined || rows[row + Slice.scopeSpans] !== scopeSpansAt) {
        const isFirst = rows[row + Slice.resourceSpans] !== resourceSpansAt;
        resourceSpansAt = rows[row + Slice.resourceSpans];
        scopeSpansAt = rows[row + Slice.scopeSpans];
        const envelope = envelopes.at(resourceSpansAt, scopeSpansAt);
        const { resource, resourceRest, scope, scopeRest } = envelope;
        section = {
          ...{ envelope, isFirst, from: n, to: n },
          resourceBytes: isFirst ? bytesUnlessEmpty(resource.length) + resourceRest.length : 0,
          scopeBytes: bytesUnlessEmpty(scope.length) + scopeRest.length,
        };
        this.#sections.push(section);
      }
      section.to = n + 1;
      section.scopeBytes += fieldBytes(rows[row + Slice.length]);
    }
  }

  /** Sums up each ResourceSpans; the bytes of all. */
  #measure(): number {
    let bytes = 0;
    let first: Section | undefined;
    for (const section of this.#sections) {
      if (first === undefined || section.isFirst) {
        bytes += first === undefined ? 0 : fieldBytes(first.resourceBytes);
        first = section;
      }
      first.resourceBytes += fieldBytes(section.scopeBytes);
    }
    return first === undefined ? 0 : bytes + fieldBytes(first.resourceBytes);
  }

  /** Slices with the heads before them: of a run that lay side by side these are between them. */
  #writeSpans({ from, to }: Section, out: Writer, found: Int32Array | undefined): void {
    const { bytes, rows, stride } = this.#of;
    let runAt = 0;
    let runEnd = 0;
    for (let n = from; n < to; n++) {
      const row = this.#order[n] * stride;
      const start = rows[row + Slice.start];
      const length = rows[row + Slice.length];
      const headAt = start + length - fieldBytes(length);
      if (headAt !== runEnd || n === from) {
        out.raw(bytes, runAt, runEnd);
        runAt = headAt;
        // A length may be written with more bytes than it needs, and then its tag is not there.
        if (bytes[headAt] !== spansTag) {
          out.tag(ScopeSpans.spans, WireType.length);
          out.varint(length);
          runAt = start;
        }
      }
      runEnd = start + length;
      if (found === undefined) continue;
      const to = n * stride;
      for (let word = 0; word < stride; word++) found[to + word] = rows[row + word];
      found[to + Slice.start] = out.pos + start - runAt;
    }
    out.raw(bytes, runAt, runEnd);
  }

  #placeIn(found: Int32Array, { from, to }: Section, resourceSpansAt: number, scopeSpansAt: number): void {
    const { stride } = this.#of;
    for (let n = from; n < to; n++) {
      found[n * stride + Slice.resourceSpans] = resourceSpansAt;
      found[n * stride + Slice.scopeSpans] = scopeSpansAt;
    }
  }
}

const bytesUnlessEmpty = (length: number): number => (length === 0 ? 0 : fieldBytes(length));
