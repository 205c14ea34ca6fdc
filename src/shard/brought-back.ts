import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import { undecided } from '../decide/decide.ts';
import { type Decisions, keepFlag, policyOf, unremembered } from '../decide/decisions.ts';
import { type KeepState, nameOfWay, type Way, ways } from '../model/brought-back.ts';
import { everyExporter } from '../model/destinations.ts';
import { emptyPlace, moveTo } from '../model/predicates.ts';
import { isAnySet, Slice, type SliceRows } from '../model/slice.ts';
import { byOverload } from '../model/verdict.ts';
import { Span, Status } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { Emitter } from './emit.ts';
import type { Ledger } from './ledger.ts';
import { Rescan } from './rescan.ts';
import type { Revisions } from './revision.ts';

/** The conditions of slices that come in once more, out of the window: none of a revision's. */
export const fromWindow = -2;

/** Longer than a walk through the window may take. */
const underWayMs = 60_000;
const mostUnderWay = 16_384;
const mostSpans = 65_536;
const errorCode = 2;

interface Parts {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly revisions: Revisions;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
}

/** A trace whose spans the shards bring out of their windows. */
interface UnderWay {
  readonly untilMs: number;
  /** Its spans that came by themselves since: the windows have some of them, too. */
  readonly spans: Set<string>;
  readonly way: Way;
  /** Some span of it left. */
  hasLeft: boolean;
}

/**
 * Traces that were dropped and are kept after all, each once: the verdict that is remembered changes, and `onBring` has
 * every shard send what it still has of the trace to its owner, as spans that are late. A span that came by itself
 * meanwhile leaves once: whoever received it hands it over before he brings it out of his window.
 */
export class BroughtBack {
  readonly #parts: Parts;
  readonly #rescan: Rescan;
  readonly #place = emptyPlace();
  /** By their trace's id; the oldest first. */
  readonly #underWay = new Map<string, UnderWay>();
  #spans = 0;
  readonly traces: Record<Way, number> = { rescue: 0, id: 0, query: 0 };
  /** Told the four words of a trace's id. */
  onBring: (id: Int32Array) => void = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#rescan = new Rescan(parts.emitter);
  }

  /** The ledger's row of such a verdict. */
  row(way: Way): number {
    return this.#parts.ledger.row(nameOfWay[way]);
  }

  /** Somebody wants a trace; `isSure`: though nothing is remembered of it. Whoever asks has it brought. */
  keep(id: Int32Array, way: Way, isSure: boolean, now: number): KeepState {
    const { buffer, decisions } = this.#parts;
    if (buffer.find(id, 0) >= 0) return 'waiting';
    const known = decisions.find(id, 0);
    if (known < 0 && !isSure) return 'forgotten';
    if (known >= 0 && (decisions.flagsAt(known) & keepFlag) !== 0) return 'kept';
    if (!this.#begin(keyOf(id, 0), way, now)) return 'busy';
    if (known < 0) this.#rememberAnew(id, now);
    this.#change(known < 0 ? decisions.find(id, 0) : known, way);
    return 'brought';
  }

  /** Nothing of a trace was there, or there was no room for it: where no span of it has left, it is dropped as it was. */
  notBrought(id: Int32Array): void {
    const { decisions } = this.#parts;
    const key = keyOf(id, 0);
    const trace = this.#underWay.get(key);
    if (trace === undefined || trace.hasLeft) return;
    this.#end(key, trace);
    const slot = decisions.find(id, 0);
    if (slot >= 0) decisions.forgoBack(slot);
  }

  /**
   * Does a late span bring its trace back, which was dropped by the decision at `slot`? Then it is kept from now on. What
   * a drop policy dropped stays dropped: it would have been, had the span come in time.
   */
  rescues(slot: number, slices: SliceRows, row: number, now: number): boolean {
    const { revisions, decisions } = this.#parts;
    const { rescues } = revisions.current.set;
    if (!rescues.errors && rescues.bits.length === 0) return false;
    const { rows, bytes, conditions } = slices;
    if (conditions === fromWindow || isByPolicy(decisions.flagsAt(slot))) return false;
    const start = rows[row + Slice.start];
    const isRescuer =
      (rescues.bits.length > 0 && this.#hasBit(rescues.bits, slices, row)) ||
      (rescues.errors && isError(new Reader(bytes, start, start + rows[row + Slice.length])));
    if (!isRescuer) return false;
    if (!this.#begin(keyOf(rows, row + Slice.traceIdA), 'rescue', now)) return false;
    this.#change(slot, 'rescue');
    this.onBring(rows.slice(row + Slice.traceIdA, row + Slice.traceIdA + 4));
    return true;
  }

  /** Does a late span set one of these bits? Under other rules than those in force it is scanned again. */
  #hasBit(wanted: Int32Array, { bytes: buf, rows, conditions }: SliceRows, row: number): boolean {
    const { current } = this.#parts.revisions;
    if (conditions === current.conditions) return isAnySet(wanted, rows, row);
    const place = moveTo(this.#place, buf, rows, row);
    return isAnySet(wanted, this.#rescan.rowOf(place, current.set.conditions), 0);
  }

  /** May a late span of a trace that is brought back leave? One out of the window only where it did not by itself. */
  lets(slices: SliceRows, row: number, now: number): boolean {
    const { rows, bytes, conditions } = slices;
    const isPast = conditions === fromWindow;
    if (this.#underWay.size === 0) return !isPast;
    const key = keyOf(rows, row + Slice.traceIdA);
    const trace = this.#underWay.get(key);
    if (trace === undefined || now > trace.untilMs) return !isPast;
    const start = rows[row + Slice.start];
    const span = identityOf(bytes, start, start + rows[row + Slice.length]);
    const isNew = !trace.spans.has(span);
    if (!trace.hasLeft && (isNew || !isPast)) this.#left(trace);
    if (isPast) return isNew;
    const { size } = trace.spans;
    trace.spans.add(span);
    // More than can be remembered: then what is in the windows stays there, rather than leave twice.
    if (trace.spans.size > size && ++this.#spans > mostSpans) this.#end(key, trace);
    return true;
  }

  /** A verdict that is forgotten: where its trace was to go is, too, so it goes where all of its tenant's go. */
  #rememberAnew(id: Int32Array, now: number): void {
    const { decisions, revisions } = this.#parts;
    const { number, set } = revisions.current;
    const exporters = set.destinations?.always ?? everyExporter;
    const facts = { ...unremembered(), revision: number, firstSpanAt: now, decidedAt: now };
    decisions.remember(id, 0, { ...undecided(), exporters }, facts);
  }

  #change(slot: number, way: Way): void {
    this.#parts.decisions.bringBack(slot, ways.indexOf(way) + 1);
  }

  #left(trace: UnderWay): void {
    trace.hasLeft = true;
    this.traces[trace.way]++;
  }

  #begin(key: string, way: Way, now: number): boolean {
    for (const [old, trace] of this.#underWay) {
      if (trace.untilMs >= now) break;
      this.#end(old, trace);
    }
    const before = this.#underWay.get(key);
    if (before !== undefined) this.#end(key, before);
    if (this.#underWay.size >= mostUnderWay) return false;
    this.#underWay.set(key, { untilMs: now + underWayMs, spans: new Set(), way, hasLeft: false });
    return true;
  }

  #end(key: string, { spans }: UnderWay): void {
    this.#underWay.delete(key);
    this.#spans -= spans.size;
  }
}

const keyOf = (ids: Int32Array, at: number): string => `${ids[at]},${ids[at + 1]},${ids[at + 2]},${ids[at + 3]}`;

/** It was dropped, by a policy: one that drops. */
function isByPolicy(flags: number): boolean {
  const policy = policyOf(flags);
  return policy >= 0 && policy !== byOverload;
}

function isError(r: Reader): boolean {
  let code = 0;
  while (r.next()) {
    if (r.field !== Span.status || r.wireType !== 2) r.skip();
    else
      for (const status = r.message(); status.next(); ) {
        if (status.field === Status.code && status.wireType === 0) code = status.varint();
        else status.skip();
      }
  }
  return code === errorCode;
}

/** Of a span's bytes: two that differ are two, though they may share an id, as a client and its server do with B3. */
function identityOf(bytes: Uint8Array, start: number, end: number): string {
  let [a, b] = [0x811c9dc5, 0x9e3779b1];
  for (let i = start; i < end; i++) {
    a = Math.imul(a ^ bytes[i], 0x01000193);
    b = Math.imul(b, 31) + bytes[i];
  }
  return `${end - start} ${a} ${b | 0}`;
}
