import type { Batch } from '../batch/batch.ts';
import type { ScopeGroup } from '../batch/group.ts';
import type { Stamp } from '../model/stamp.ts';
import { type Envelope, readEnvelope } from '../wire/envelope.ts';
import type { Writer } from '../wire/writer.ts';

export interface SpanWriter {
  span(out: Writer, buf: Uint8Array, start: number, end: number, stamp: Stamp, marked: boolean): void;
}

/**
 * Hands the slices of one kept trace to the batch, enriched. Neighbouring slices mostly share their envelope, so it is looked
 * up when it changes.
 */
export class Emitter {
  readonly #batch: Batch;
  readonly #enrich: SpanWriter;
  #buf: Uint8Array | undefined;
  #resourceSpansAt = -1;
  #scopeSpansAt = -1;
  #envelope: Envelope | undefined;
  #group: ScopeGroup | undefined;
  #now = 0;
  /** Spans that could not be written: 0 unless there is a defect, and then they count as lost. */
  failed = 0;
  lastFailure = '';

  constructor(batch: Batch, enrich: SpanWriter) {
    this.#batch = batch;
    this.#enrich = enrich;
  }

  begin(now: number): void {
    this.#now = now;
    this.#buf = undefined;
    this.#batch.begin(now);
  }

  slice(
    buf: Uint8Array,
    start: number,
    length: number,
    resourceSpansAt: number,
    scopeSpansAt: number,
    stamp: Stamp,
    marked: boolean,
  ): void {
    const group = this.#groupOf(buf, resourceSpansAt, scopeSpansAt);
    const out = this.#batch.into(group);
    const before = out.pos;
    try {
      this.#enrich.span(out, buf, start, start + length, stamp, marked);
    } catch (error) {
      // The scan has checked the bytes, so this is a defect of ours: it must cost no more than the span that shows it.
      out.pos = before;
      this.failed++;
      this.lastFailure = String(error);
      return;
    }
    if (!this.#batch.added(group, this.#envelope as Envelope, this.#now)) this.#group = undefined;
  }

  end(): void {
    this.#batch.end();
  }

  #groupOf(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): ScopeGroup {
    if (buf !== this.#buf || scopeSpansAt !== this.#scopeSpansAt || resourceSpansAt !== this.#resourceSpansAt) {
      this.#envelope = readEnvelope(buf, resourceSpansAt, scopeSpansAt);
      this.#group = undefined;
      this.#buf = buf;
      this.#resourceSpansAt = resourceSpansAt;
      this.#scopeSpansAt = scopeSpansAt;
    }
    return (this.#group ??= this.#batch.group(this.#envelope as Envelope));
  }
}
