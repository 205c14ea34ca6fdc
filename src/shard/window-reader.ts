import type { Landed } from '../buffer/landed.ts';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Window } from '../buffer/window.ts';
import type { RequestScan } from '../decode/scan.ts';
import { TooManySpansError } from '../decode/slice-table.ts';
import { mixedConditions, type SpanConditions } from '../model/conditions.ts';
import type { SliceRows } from '../model/slice.ts';

/** How one question goes on: in steps, until it is answered or abandoned; then `next` rejects. */
export interface Pace {
  /** Whether the step is over: then `next` is to be waited for. */
  readonly isOver: boolean;
  next(): Promise<void>;
}

/** When it landed, in monotonic ms, both ends included. */
export interface LandedRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export const always: LandedRange = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };

/** A segment's bytes, and which of them are messages; for the turn of the generator that gave it. */
interface PastBytes {
  readonly bytes: Uint8Array;
  readonly landed: Landed;
}

/** Decompresses what has so many bytes, off the loop; what it gives is lent until it is asked again. */
export type Unpack = (packed: Uint8Array, bytes: number) => Promise<Uint8Array>;

interface Parts {
  readonly buffer: TraceBuffer;
  readonly window: Window | undefined;
  readonly scan: RequestScan;
}

/** The slices of one message, and when it landed, in monotonic ms. */
export interface PastSlices extends SliceRows {
  readonly landedAt: number;
}

/** What a walk looks at. */
interface Walk {
  readonly conditions: SpanConditions;
  readonly pace: Pace;
  /** Only messages that may have spans of a trace whose id ends in one of these words. */
  readonly ids?: ReadonlySet<number>;
  /** Only messages of which this says yes, by their bytes. */
  readonly wants?: (bytes: Uint8Array, start: number, end: number) => boolean;
}

/** Scanned at a time: some tenths of a millisecond. */
const bytesAStep = 64 * 1024;
/** The slices of a walk belong to no segment that anybody may ask for. */
const noSegment = -1;

/**
 * Everything that landed here and is there still: what was compressed for the window, and what lies in segments where
 * others wait. Each of a request's slices is found with the shard that received it, whoever owns its trace.
 */
export class WindowReader {
  readonly #parts: Parts;
  readonly #unpack: Unpack;

  constructor(parts: Parts, unpack: Unpack) {
    this.#parts = parts;
    this.#unpack = unpack;
  }

  /**
   * The slices of all messages in the range, message by message, oldest first, with the bits of `conditions`. Rows and
   * bytes are lent until the next ones are asked for. Invalid spans are left out, as they were when they came.
   */
  async *walk(range: LandedRange, { conditions, pace, ids, wants }: Walk): AsyncGenerator<PastSlices> {
    const scan = this.#parts.scan.another();
    for await (const { bytes, landed } of this.#segments(range, pace, ids)) {
      for (const { start, end, landedAt } of landed.messages(ids)) {
        if (pace.isOver) await pace.next();
        if (landedAt < range.fromMs || landedAt > range.toMs) continue;
        if (wants?.(bytes, start, end) === false) continue;
        scan.begin(bytes, start, end, conditions);
        try {
          while (!scan.step(bytesAStep)) if (pace.isOver) await pace.next();
        } catch (error) {
          // Taken when less was asked of its spans than would make rows too wide for so many.
          if (error instanceof TooManySpansError) continue;
          throw error;
        }
        const { slices: rows, stride, count } = scan;
        yield { bytes, segment: noSegment, rows, stride, count, conditions: mixedConditions, landedAt };
        if (pace.isOver) await pace.next();
      }
    }
  }

  /** What is there when the walk begins; what goes meanwhile is left out. */
  async *#segments(range: LandedRange, pace: Pace, ids?: ReadonlySet<number>): AsyncGenerator<PastBytes> {
    for (const sequence of this.#sequences(range)) {
      if (pace.isOver) await pace.next();
      yield* this.#segment(sequence, ids);
    }
  }

  #sequences({ fromMs, toMs }: LandedRange): readonly number[] {
    const { buffer, window } = this.#parts;
    const isIn = ({ landed }: { readonly landed?: Landed | undefined }): boolean =>
      landed !== undefined && landed.lastAt >= fromMs && landed.firstAt <= toMs;
    const found = [...(window?.segments ?? []), ...buffer.segments.withLanded()].filter(isIn);
    return [...new Set(found.map(({ sequence }) => sequence))].sort((a, b) => a - b);
  }

  async *#segment(sequence: number, ids: ReadonlySet<number> | undefined): AsyncGenerator<PastBytes> {
    const { buffer, window } = this.#parts;
    const mayHold = (landed: Landed): boolean => ids === undefined || landed.mayHold(ids);
    const past = window?.find(sequence);
    if (past !== undefined) {
      const { bytes, isPacked, landed } = past;
      if (mayHold(landed)) yield { bytes: isPacked ? await this.#unpack(bytes, landed.end) : bytes, landed };
      return;
    }
    const { segments } = buffer;
    const number = segments.numberOf(sequence);
    const { bytes, packed, landed } = segments.list[number] ?? {};
    if (landed === undefined || bytes === undefined || !mayHold(landed)) return;
    if (packed !== undefined) {
      yield { bytes: await this.#unpack(packed, landed.end), landed };
      return;
    }
    segments.hold(number);
    try {
      yield { bytes, landed };
    } finally {
      segments.done(number);
    }
  }
}
