import { firstFlag, rootFlag } from '../buffer/slices.ts';
import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Decisions } from '../decide/decisions.ts';
import { mixedConditions, randomnessBit, rootBit } from '../model/conditions.ts';
import { isOfSameTrace, Slice, type SliceRows, sliceWords } from '../model/slice.ts';
import type { Judge } from './judge.ts';
import type { Late } from './late.ts';

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

  /** Takes slices in; where `owners` is given, only those that are this shard's. */
  take(slices: SliceRows, now: number, owners?: Uint8Array): void {
    const { buffer, decisions, late, self } = this.#parts;
    const { rows, stride, count, conditions } = slices;
    let trace = -1;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (owners !== undefined && owners[i] !== self) continue;
      // Spans of one trace mostly come together; the last one's place is good for the next.
      if (trace < 0 || !isOfSameTrace(rows, row, row - stride)) trace = buffer.find(rows, row + Slice.traceIdA);
      if (trace < 0) {
        const decided = decisions.find(rows, row + Slice.traceIdA);
        if (decided >= 0) {
          late.take(decided, slices, row, now);
          continue;
        }
        // Another shard may have heard of other rules before or after this one: its bits are not of those in force here.
        const known = conditions === buffer.asked ? conditions : mixedConditions;
        trace = buffer.start(rows, row + Slice.traceIdA, known, now);
      }
      if (!this.#append(trace, slices, row, now)) trace = -1;
    }
    late.end(now);
  }

  /** Appends one slice to its trace; false when that made the trace so large that it was decided. */
  #append(trace: number, { segment, rows, conditions }: SliceRows, row: number, now: number): boolean {
    const { buffer, judge, late, maxTraceBytes } = this.#parts;
    const words = buffer.traces.page(trace);
    const at = buffer.traces.at(trace);
    const bits = rows[row + Slice.bits];
    const tookNs = rows[row + Slice.tookNs];
    const isRoot = (bits & rootBit) !== 0;
    let isFirst = (bits & ~words[at + Trace.bits]) !== 0;
    words[at + Trace.bits] |= bits;
    if (tookNs > words[at + Trace.longestNs]) {
      words[at + Trace.longestNs] = tookNs;
      isFirst = true;
    }
    if (words[at + Trace.conditions] !== conditions) words[at + Trace.conditions] = mixedConditions;
    else if (buffer.columns?.conditions === conditions)
      isFirst = buffer.columns.add(trace, rows, row + sliceWords) || isFirst;
    buffer.append(trace, segment, rows, row, (isRoot ? rootFlag : 0) | (isFirst ? firstFlag : 0));
    if ((bits & randomnessBit) !== 0) {
      words[at + Trace.randomnessHigh] = rows[row + Slice.randomnessHigh];
      words[at + Trace.randomnessLow] = rows[row + Slice.randomnessLow];
    }
    if (isRoot) buffer.hasten(trace, now);
    if (words[at + Trace.bytes] >>> 0 <= maxTraceBytes) return true;
    late.end(now);
    judge.judge(trace, 'size', now);
    return false;
  }
}
