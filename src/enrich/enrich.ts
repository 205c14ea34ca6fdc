import type { Stamp } from '../model/stamp.ts';
import { lastTraceStateAt, mendText, spanTexts } from '../wire/mend-text.ts';
import { ResourceSpans, ScopeSpans, Span } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { Marks } from './marks.ts';
import { Redactor } from './redactor.ts';
import { ResourceAttributes, type ResourceOptions } from './resource.ts';
import { mask, type RedactRule } from './rule.ts';
import { scopeShape, spanShape } from './shapes.ts';
import { thresholdFieldBytes, writeThreshold } from './tracestate.ts';
import { WeighedState } from './weighed-state.ts';

export interface EnrichOptions extends ResourceOptions {
  readonly redact: readonly RedactRule[];
}

interface EnrichStats {
  /** Masked values and matches, by rule. */
  readonly redactions: Record<string, number>;
  /** Spans whose `ot` tracestate member breaks its rules, and stayed as it was. */
  malformedTraceStates: number;
  /** Spans whose `th` their randomness does not reach, which was erased. */
  inconsistentTraceStates: number;
  /** Spans with text that was no UTF-8, which leave with U+FFFD in its place. */
  mendedSpans: number;
}

const nothing = new Uint8Array(0);

/**
 * Writes kept spans and their envelopes: the weight (`ot=th`) on each span, the verdict on a marked one, the configured
 * resource attributes; redaction last. Everything else leaves byte for byte as it came, but for text that is no UTF-8.
 * It owns no bytes. Messages must be well-formed at their own level.
 */
export class Enricher {
  readonly stats: EnrichStats;
  readonly #redactor: Redactor;
  readonly #marks = new Marks();
  readonly #state = new WeighedState();
  readonly #resource: ResourceAttributes;

  constructor(options: EnrichOptions) {
    this.#redactor = new Redactor(options.redact);
    this.#resource = new ResourceAttributes(options, this.#redactor);
    this.stats = {
      redactions: this.#redactor.counts,
      malformedTraceStates: 0,
      inconsistentTraceStates: 0,
      mendedSpans: 0,
    };
  }

  /** May the text stand in what it writes without having come? */
  writes(text: string): boolean {
    return text.includes(mask) || this.#resource.writes(text);
  }

  /** Bytes of texts that rules were applied to, so far. */
  get searchedBytes(): number {
    return this.#redactor.searchedBytes;
  }

  /**
   * Writes buf[start, end), a Span message, as a field of ScopeSpans. `marked`: it also gets the `tailgate.*`
   * attributes.
   */
  span(out: Writer, buf: Uint8Array, start: number, end: number, stamp: Stamp, marked: boolean): void {
    const mended = mendText(buf, start, end, spanTexts);
    if (mended === undefined) this.#write(out, buf, start, end, stamp, marked);
    else {
      this.stats.mendedSpans++;
      this.#write(out, mended.buf, 0, mended.pos, stamp, marked);
    }
  }

  #write(out: Writer, buf: Uint8Array, start: number, end: number, stamp: Stamp, marked: boolean): void {
    // `mendText` has just looked these bytes through.
    const stateAt = lastTraceStateAt;
    const isClean = !this.#redactor.suspects(buf, start, end) && !(marked && this.#marks.among(buf, start, end));
    if (!isClean) this.#rewrite(out, new Reader(buf, start, end), stateAt, stamp, marked);
    else if (stateAt < 0) this.#append(out, buf, start, end, stamp, marked);
    else this.#reweigh(out, new Reader(buf, stateAt, end), start, stamp, marked);
  }

  /** Writes buf[start, end), a Span message, for whoever looks at it: redacted, and with nothing of a verdict. */
  shown(out: Writer, buf: Uint8Array, start: number, end: number): void {
    const mended = mendText(buf, start, end, spanTexts);
    const r = mended === undefined ? new Reader(buf, start, end) : new Reader(mended.buf, 0, mended.pos);
    const span = out.open(ScopeSpans.spans);
    this.#redactor.begin();
    if (!this.#redactor.suspects(r.buf, r.pos, r.end)) out.raw(r.buf, r.pos, r.end);
    else for (let from = r.pos; r.next(); from = r.pos) this.#redactor.field(out, r, from, spanShape);
    out.close(span);
  }

  /** Writes buf[start, end), a Resource message, as a field of ResourceSpans; start = end where there was none. */
  resource(out: Writer, buf: Uint8Array, start: number, end: number): void {
    this.#resource.write(out, ResourceSpans.resource, buf, start, end);
  }

  /**
   * Writes buf[start, end), an InstrumentationScope, as a field of ScopeSpans; nothing for start < 0: there was none.
   */
  scope(out: Writer, buf: Uint8Array, start: number, end: number): void {
    if (start >= 0) this.#redactor.whole(out, ScopeSpans.scope, buf, start, end, scopeShape);
  }

  /** The common span: as it came, and behind it what it did not have. */
  #append(out: Writer, buf: Uint8Array, start: number, end: number, stamp: Stamp, marked: boolean): void {
    const marks = marked ? this.#marks.of(stamp) : nothing;
    out.tag(ScopeSpans.spans, 2);
    out.varint(end - start + thresholdFieldBytes(stamp) + marks.length);
    out.raw(buf, start, end);
    writeThreshold(out, stamp);
    out.raw(marks);
  }

  /** One with a tracestate, at whose last `r` stands: as it came around that. */
  #reweigh(out: Writer, r: Reader, start: number, stamp: Stamp, marked: boolean): void {
    const span = out.open(ScopeSpans.spans);
    const stateAt = r.pos;
    out.raw(r.buf, start, stateAt);
    r.next();
    this.#traceState(out, r, stateAt, stamp);
    out.raw(r.buf, r.pos, r.end);
    if (marked) out.raw(this.#marks.of(stamp));
    out.close(span);
  }

  #rewrite(out: Writer, r: Reader, stateAt: number, stamp: Stamp, marked: boolean): void {
    const span = out.open(ScopeSpans.spans);
    this.#redactor.begin();
    for (let from = r.pos; r.next(); from = r.pos) {
      if (from === stateAt) this.#traceState(out, r, from, stamp);
      else if (marked && r.field === Span.attributes && this.#marks.skips(r)) continue;
      else this.#redactor.field(out, r, from, spanShape);
    }
    if (stateAt < 0) writeThreshold(out, stamp);
    if (marked) out.raw(this.#marks.of(stamp));
    out.close(span);
  }

  #traceState(out: Writer, r: Reader, from: number, stamp: Stamp): void {
    const state = this.#state;
    state.write(out, r, from, stamp);
    if (state.isMalformed) this.stats.malformedTraceStates++;
    if (state.isInconsistent) this.stats.inconsistentTraceStates++;
  }
}
