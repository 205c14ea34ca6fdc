import { emptyStamp, type Stamp } from '../model/stamp.ts';
import { bodyEnd, open } from '../wire/cursor.ts';
import { Span } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { weighed, weighTraceState } from './tracestate.ts';

/** W3C Trace Context 3.3.1.5 has everybody carry so many; of longer ones none is remembered. */
const mostBytes = 512;
/** A mark at its beginning is a part of it. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * What weighing (tracestate.ts) made of the tracestate that was asked for last. The spans of one trace mostly came with
 * the same, and are weighed by the same numbers: they are answered by comparing bytes, and nothing is allocated.
 */
export class WeighedState {
  /** Its `ot` member breaks the rules; it stays as it came. */
  isMalformed = false;
  /** Its `th` was not reached by its randomness, and was erased. */
  isInconsistent = false;
  /** It stays as it came. */
  #isUnchanged = false;
  /** The field of a span that stands there instead; empty where nothing is left. */
  readonly #field = new Writer(64);
  readonly #state = new Uint8Array(mostBytes);
  /** -1: none is remembered. */
  #stateBytes = -1;
  readonly #stamp = emptyStamp();

  /**
   * Writes what becomes of the tracestate whose tag began at `from` and at whose length `r` stands, as a field of a span,
   * and moves `r` past it.
   */
  write(out: Writer, r: Reader, from: number, stamp: Stamp): void {
    const start = open(r.buf, r.pos, r.end);
    r.pos = bodyEnd;
    const isAnswered = this.#isLast(r.buf, start, r.pos) && isSameWeight(stamp, this.#stamp);
    const long = isAnswered ? '' : this.#weigh(r.buf.subarray(start, r.pos), stamp);
    if (this.#isUnchanged) out.raw(r.buf, from, r.pos);
    else if (long !== '') out.string(Span.traceState, long);
    else out.raw(this.#field.buf, 0, this.#field.pos);
  }

  /** Remembers what becomes of it; of a long one says it instead, so that nothing of its size stays here. */
  #weigh(state: Uint8Array, stamp: Stamp): string {
    this.#stateBytes = -1; // until all else belongs together: memory may be refused midway
    const before = utf8.decode(state);
    const after = weighTraceState(before, stamp);
    this.isMalformed = after === null;
    this.isInconsistent = after !== null && weighed.isInconsistent;
    this.#isUnchanged = after === null || after === before;
    const text = this.#isUnchanged ? '' : (after as string);
    this.#field.reset();
    if (state.length > mostBytes) return text;
    if (text !== '') this.#field.string(Span.traceState, text);
    this.#remember(state, stamp);
    return '';
  }

  #isLast(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.#stateBytes) return false;
    for (let i = 0; i < this.#stateBytes; i++) if (buf[start + i] !== this.#state[i]) return false;
    return true;
  }

  #remember(state: Uint8Array, stamp: Stamp): void {
    this.#state.set(state);
    Object.assign(this.#stamp, stamp);
    this.#stateBytes = state.length;
  }
}

/** Whether both make the same of every tracestate: all that `weighTraceState` asks of a stamp. */
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
