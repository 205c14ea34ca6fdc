import { emptyStamp, type Stamp } from '../model/stamp.ts';
import { bodyEnd, open } from '../wire/cursor.ts';
import { Span } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import { comma } from '../wire/tracestate.ts';
import type { Writer } from '../wire/writer.ts';
import { findMember, ot } from './ot-member.ts';
import { maxValueChars, weighed, weighedValue, weighTraceState } from './tracestate.ts';

const utf8 = new TextEncoder();
/** A mark at its beginning is a part of it. */
const texts = new TextDecoder('utf-8', { ignoreBOM: true });
const nothing = new Uint8Array(0);
const separator = Uint8Array.of(comma);

/**
 * Writes what weighing (tracestate.ts) makes of tracestates. The spans of one trace mostly came with the same `ot`
 * member, or with none, and are weighed by the same numbers: what became of the last one is remembered, and found again
 * by comparing bytes. Other members, which vendors may change from span to span, are copied around it.
 */
export class WeighedState {
  /** The `ot` member breaks the rules; all stays as it came. */
  isMalformed = false;
  /** Its `th` was not reached by its randomness, and was erased. */
  isInconsistent = false;
  #isUnchanged = false;
  /** What the member is now, `ot=` included; empty where none is left. */
  #member: Uint8Array = nothing;
  /** Of the member that came, and how long that is; a member that was not there is weighed as an empty one. */
  readonly #value = new Uint8Array(maxValueChars);
  #valueBytes = 0;
  readonly #stamp = emptyStamp();
  /** False until all of it belongs together: memory may be refused midway. */
  #isRemembered = false;

  /**
   * Writes what becomes of the tracestate whose tag began at `from` and at whose length `r` stands, as a field of a span,
   * and moves `r` past it.
   */
  write(out: Writer, r: Reader, from: number, stamp: Stamp): void {
    const start = open(r.buf, r.pos, r.end);
    r.pos = bodyEnd;
    if (findMember(r.buf, start, r.pos)) this.#writeUsual(out, r, from, start, stamp);
    else this.#writeUnusual(out, r, from, start, stamp);
  }

  #writeUsual(out: Writer, r: Reader, from: number, start: number, stamp: Stamp): void {
    if (!this.#isLast(r.buf) || !isSameWeight(stamp, this.#stamp)) this.#weigh(r.buf, stamp);
    if (this.#isUnchanged) out.raw(r.buf, from, r.pos);
    else this.#writeAround(out, r.buf, start, r.pos);
  }

  /** As a text, and for itself. */
  #writeUnusual(out: Writer, r: Reader, from: number, start: number, stamp: Stamp): void {
    this.#isRemembered = false;
    const before = texts.decode(r.buf.subarray(start, r.pos));
    const after = weighTraceState(before, stamp);
    this.isMalformed = after === null;
    this.isInconsistent = after !== null && weighed.isInconsistent;
    if (after === null || after === before) out.raw(r.buf, from, r.pos);
    else if (after !== '') out.string(Span.traceState, after);
  }

  /** The member comes first; no field is written where nothing is left. */
  #writeAround(out: Writer, buf: Uint8Array, start: number, end: number): void {
    const before = out.pos;
    const state = out.open(Span.traceState);
    out.raw(this.#member);
    writeMembers(out, state, buf, start, ot.at < end ? Math.max(start, ot.at - 1) : end);
    writeMembers(out, state, buf, Math.min(ot.end + 1, end), end);
    if (out.pos > state) out.close(state);
    else out.pos = before;
  }

  #weigh(buf: Uint8Array, stamp: Stamp): void {
    this.#isRemembered = false;
    const value = buf.subarray(ot.valueAt, ot.end);
    const before = texts.decode(value);
    const after = weighedValue(before, stamp);
    this.isMalformed = after === null;
    this.isInconsistent = after !== null && weighed.isInconsistent;
    this.#isUnchanged = after === null || after === before;
    this.#member = after ? utf8.encode(`ot=${after}`) : nothing;
    this.#value.set(value);
    this.#valueBytes = value.length;
    Object.assign(this.#stamp, stamp);
    this.#isRemembered = true;
  }

  #isLast(buf: Uint8Array): boolean {
    if (!this.#isRemembered || ot.end - ot.valueAt !== this.#valueBytes) return false;
    for (let i = 0; i < this.#valueBytes; i++) if (buf[ot.valueAt + i] !== this.#value[i]) return false;
    return true;
  }
}

/** Behind what has been written of the tracestate that begins at `state`. */
function writeMembers(out: Writer, state: number, buf: Uint8Array, start: number, end: number): void {
  if (start === end) return;
  if (out.pos > state) out.raw(separator);
  out.raw(buf, start, end);
}

/** Whether both make the same of every tracestate: all that weighing asks of a stamp. */
function isSameWeight(a: Stamp, b: Stamp): boolean {
  return (
    a.idLow === b.idLow &&
    a.idHigh === b.idHigh &&
    a.thresholdHigh === b.thresholdHigh &&
    a.thresholdLow === b.thresholdLow &&
    a.luckFrom === b.luckFrom &&
    a.luckTo === b.luckTo &&
    a.randomnessHigh === b.randomnessHigh &&
    a.randomnessLow === b.randomnessLow &&
    a.erasesThreshold === b.erasesThreshold
  );
}
