import { emptyStamp, type Stamp } from '../model/stamp.ts';
import { Span } from '../wire/otlp.ts';
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
  isUnchanged = false;
  /** The field of a span to write instead, tag and length included; empty where nothing is left. Lent until the next `weigh`. */
  readonly field = new Writer(64);
  readonly #state = new Uint8Array(mostBytes);
  /** -1: none is remembered. */
  #stateBytes = -1;
  readonly #stamp = emptyStamp();

  /** buf[start, end) is the text of a tracestate. */
  weigh(buf: Uint8Array, start: number, end: number, stamp: Stamp): void {
    if (this.#isLast(buf, start, end) && isSameWeight(stamp, this.#stamp)) return;
    const bytes = buf.subarray(start, end);
    const before = utf8.decode(bytes);
    const after = weighTraceState(before, stamp);
    this.isMalformed = after === null;
    this.isInconsistent = after !== null && weighed.isInconsistent;
    this.isUnchanged = after === null || after === before;
    this.field.reset();
    if (!this.isUnchanged && after !== '') this.field.string(Span.traceState, after as string);
    this.#remember(bytes, stamp);
  }

  #isLast(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start !== this.#stateBytes) return false;
    for (let i = 0; i < this.#stateBytes; i++) if (buf[start + i] !== this.#state[i]) return false;
    return true;
  }

  #remember(state: Uint8Array, stamp: Stamp): void {
    this.#stateBytes = state.length <= mostBytes ? state.length : -1;
    if (this.#stateBytes < 0) return;
    this.#state.set(state);
    Object.assign(this.#stamp, stamp);
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
