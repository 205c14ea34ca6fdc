import { rootBit } from '../model/conditions.ts';
import type { RulesDocument } from '../model/rules.ts';
import { Slice } from '../model/slice.ts';
import type { Pace, PastSlices } from '../shard/window-reader.ts';
import type { SpanNames } from './names.ts';
import type { TableRows, TraceTable } from './trace-table.ts';
import type { Waits } from './waits.ts';

/** What is asked of each shard. */
export interface GatherRequest {
  /** Rules that are asked of the same spans, see compileJointly. */
  readonly documents: readonly RulesDocument[];
  readonly seed: number;
  readonly maxTraces: number;
  readonly waits: Waits;
  readonly originMs: number;
  /** Only what landed since, in monotonic ms; null = all that is there. */
  readonly fromMs: number | null;
}

/** What one shard has of the window's traces, to be joined with what the others have. */
export interface GatheredTraces extends TableRows {
  readonly services: readonly string[];
  readonly rootNames: readonly string[];
  /** When the first message landed, and the last one that was looked at, in monotonic ms; Infinity = there was none. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** False where there was no time for the rest. */
  readonly isWhole: boolean;
}

/** So many rows are some tenths of a millisecond. */
const rowsAStep = 512;

/** Into what, since when, and how long. */
interface Gathering {
  readonly table: TraceTable;
  readonly names: SpanNames;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
  readonly pace: Pace;
  /** Whether there is no more time. */
  isLate(): boolean;
}

/** Adds the slices of all messages to their traces, step by step. */
export async function gather(
  messages: AsyncIterable<PastSlices> | Iterable<PastSlices>,
  { table, names, originMs, pace, isLate }: Gathering,
): Promise<GatheredTraces> {
  let [firstAt, lastAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let isWhole = true;
  for await (const slices of messages) {
    firstAt = Math.min(firstAt, slices.landedAt);
    lastAt = Math.max(lastAt, slices.landedAt);
    for (let from = 0; from < slices.count; from += rowsAStep) {
      addRows(slices, from, Math.min(slices.count, from + rowsAStep), slices.landedAt - originMs, table, names);
      if (pace.isOver) await pace.next();
    }
    if (!isLate()) continue;
    isWhole = false;
    break;
  }
  const { services, roots } = names;
  return { ...table.taken(), services: services.texts, rootNames: roots.texts, firstAt, lastAt, isWhole };
}

function addRows(
  { bytes, rows, stride }: PastSlices,
  from: number,
  to: number,
  after: number,
  table: TraceTable,
  names: SpanNames,
): void {
  for (let row = from * stride; row < to * stride; row += stride) {
    const at = table.rowOf(rows, row + Slice.traceIdA, after);
    if (at < 0) continue;
    const service = names.serviceAt(bytes, rows[row + Slice.resourceSpans]);
    if (table.isNew(at)) table.setRoot(at, service, 0);
    if ((rows[row + Slice.bits] & rootBit) !== 0) {
      const start = rows[row + Slice.start];
      table.setRoot(at, service, names.nameAt(bytes, start, start + rows[row + Slice.length]));
    }
    table.add(at, rows, row, after, service);
  }
}
