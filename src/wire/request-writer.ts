import type { Envelope } from './envelope.ts';
import { Request, ResourceSpans, ScopeSpans } from './otlp.ts';
import type { Writer } from './writer.ts';

/**
 * Writes slices as an ExportTraceServiceRequest, each under its envelope. Neighbours share what is the same object: the
 * envelope, or its resource.
 */
export class RequestWriter {
  readonly #out: Writer;
  #envelope: Envelope | undefined;
  #resourceMark = 0;
  #scopeMark = 0;

  constructor(out: Writer) {
    this.#out = out;
  }

  /** buf[start, end), a Span message. */
  span(envelope: Envelope, buf: Uint8Array, start: number, end: number): void {
    if (envelope !== this.#envelope) this.#enter(envelope);
    this.#out.bytes(ScopeSpans.spans, buf, start, end);
  }

  /** The request is whole; the next span begins another one. */
  end(): void {
    if (this.#envelope === undefined) return;
    this.#out.close(this.#scopeMark);
    this.#out.close(this.#resourceMark);
    this.#envelope = undefined;
  }

  #enter(envelope: Envelope): void {
    const out = this.#out;
    if (this.#envelope !== undefined && isOfSameResource(this.#envelope, envelope)) out.close(this.#scopeMark);
    else {
      this.end();
      this.#resourceMark = out.open(Request.resourceSpans);
      if (envelope.resource.length > 0) out.bytes(ResourceSpans.resource, envelope.resource);
      out.raw(envelope.resourceRest);
    }
    this.#scopeMark = out.open(ResourceSpans.scopeSpans);
    if (envelope.scope.length > 0) out.bytes(ScopeSpans.scope, envelope.scope);
    out.raw(envelope.scopeRest);
    this.#envelope = envelope;
  }
}

const isOfSameResource = (a: Envelope, b: Envelope): boolean =>
  a.resource === b.resource && a.resourceRest === b.resourceRest;
