import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Decisions } from '../decide/decisions.ts';
import { sliceWords } from '../decode/scan.ts';
import { randomnessBit, rootBit } from '../model/conditions.ts';
import type { Judge } from './judge.ts';
import type { Late } from './late.ts';

/** Spans scanned under different conditions: none of a revision's. */
const mixedConditions = -1;

interface ArrivalParts {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly judge: Judge;
  readonly late: Late;
  readonly maxTraceBytes: number;
  /** This shard's number among the owners of slices. */
  readonly self: number;
}

/** Where each slice of a request goes: to its waiting trace, to a new one, or after a verdict that is remembered. */
export class Arrivals {
  readonly #parts: ArrivalParts;

  constructor(parts: ArrivalParts) {
    this.#parts = parts;
  }

  /**
   * Takes `count` slices whose bytes lie in `segment`; `rows` as the scan wrote them, under the given conditions. Where `owners` is given,
   * only the slices that are this shard's.
   */
  take(
    bytes: Uint8Array,
    segment: number,
    rows: Int32Array,
    count: number,
    conditions: number,
    now: number,
    owners?: Uint8Array,
  ): void {
    const { buffer, decisions, late, self } = this.#parts;
    let trace = -1;
    for (let i = 0, row = 0; i < count; i++, row += sliceWords) {
      if (owners !== undefined && owners[i] !== self) continue;
      const a = rows[row + 4];
      const b = rows[row + 5];
      const c = rows[row + 6];
      const d = rows[row + 7];
      // Spans of one trace mostly come together; the last one's place is good for the next.
      if (trace < 0 || rows[row - 4] !== d || rows[row - 5] !== c || rows[row - 6] !== b || rows[row - 7] !== a) {
        trace = buffer.find(a, b, c, d);
      }
      if (trace < 0) {
        const decided = decisions.find(a, b, c, d);
        if (decided >= 0) {
          late.take(decided, bytes, rows[row], rows[row + 1], rows[row + 2], rows[row + 3], now);
          continue;
        }
        trace = buffer.start(a, b, c, d, conditions, now);
      }
      if (!this.#hang(trace, segment, rows, row, conditions, now)) trace = -1;
    }
    late.end();
  }

  /** Hangs one slice to its trace; false when that made the trace so large that it was decided. */
  #hang(trace: number, segment: number, rows: Int32Array, row: number, conditions: number, now: number): boolean {
    const { buffer, judge, late, maxTraceBytes } = this.#parts;
    const bits = rows[row + 8];
    const isRoot = (bits & rootBit) !== 0;
    buffer.append(trace, segment, rows[row], rows[row + 1], rows[row + 2], rows[row + 3], isRoot);
    const words = buffer.traces.page(trace);
    const at = buffer.traces.at(trace);
    words[at + Trace.bits] |= bits;
    if (words[at + Trace.conditions] !== conditions) words[at + Trace.conditions] = mixedConditions;
    if ((bits & randomnessBit) !== 0) {
      words[at + Trace.randomnessHigh] = rows[row + 9];
      words[at + Trace.randomnessLow] = rows[row + 10];
    }
    if (isRoot) buffer.hasten(trace, now);
    if (words[at + Trace.bytes] >>> 0 <= maxTraceBytes) return true;
    late.end();
    judge.judge(trace, 'size', now);
    return false;
  }
}
