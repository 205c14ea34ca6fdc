import type { Decisions } from '../decide/decisions.ts';
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
  /** Decisions on traces that are this shard's, in their order, see Decided. */
  readonly decided: Int32Array<ArrayBuffer>;
  /** When the first message landed, and the last one that was looked at, in monotonic ms; Infinity = there was none. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** False where there was no time for the rest. */
  readonly isWhole: boolean;
}

/** A decision: the four words of the id, and when it was, in ms since the table's origin. */
export const Decided = { id: 0, after: 4 } as const;
export const decidedWords = 5;
const decisionsAStep = 4096;

/** So many rows are some tenths of a millisecond. */
const rowsAStep = 512;

/** Into what, since when, and how long. */
interface Gathering {
  readonly table: TraceTable;
  readonly names: SpanNames;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
  readonly pace: Pace;
  /** What is remembered of decisions, where there are some. */
  readonly decisions?: Pick<Decisions, 'find' | 'timesAt' | 'oldestFirst' | 'newestAt' | 'records'>;
  /** Nothing that was decided before matters, in monotonic ms. */
  readonly fromMs: number;
  /** Whether there is no more time. */
  isLate(): boolean;
}

/** Adds the slices of all messages to their traces, step by step. */
export async function gather(
  messages: AsyncIterable<PastSlices> | Iterable<PastSlices>,
  gathering: Gathering,
): Promise<GatheredTraces> {
  const { table, names, originMs, pace, isLate } = gathering;
  let [firstAt, lastAt] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let isWhole = true;
  for await (const slices of messages) {
    table.keys.forget();
    firstAt = Math.min(firstAt, slices.landedAt);
    lastAt = Math.max(lastAt, slices.landedAt);
    for (let from = 0; from < slices.count; from += rowsAStep) {
      addRows(slices, from, Math.min(slices.count, from + rowsAStep), slices.landedAt - originMs, gathering);
      if (pace.isOver) await pace.next();
    }
    if (!isLate()) continue;
    isWhole = false;
    break;
  }
  const { services, roots } = names;
  const decided = await decisionsOf(gathering);
  return { ...table.taken(), decided, services: services.texts, rootNames: roots.texts, firstAt, lastAt, isWhole };
}

function addRows(
  { bytes, rows, stride }: PastSlices,
  from: number,
  to: number,
  after: number,
  { table, names, decisions, originMs }: Gathering,
): void {
  for (let row = from * stride; row < to * stride; row += stride) {
    const at = table.rowOf(rows, row + Slice.traceIdA, after);
    if (at < 0) continue;
    const service = names.serviceAt(bytes, rows[row + Slice.resourceSpans]);
    if (table.isNew(at)) {
      table.setRoot(at, service, 0);
      const decision = decisions?.find(rows, row + Slice.traceIdA) ?? -1;
      if (decision >= 0) table.setDecided(at, decisions!.timesAt(decision).decidedAt - originMs);
    }
    if ((rows[row + Slice.bits] & rootBit) !== 0) {
      const start = rows[row + Slice.start];
      table.setRoot(at, service, names.nameAt(bytes, start, start + rows[row + Slice.length]));
    }
    table.add(at, bytes, rows, row, after, service);
  }
}

/** Those on traces of the sample, whoever received them. */
async function decisionsOf({ decisions, table, originMs, fromMs, pace }: Gathering) {
  if (decisions === undefined) return new Int32Array(0);
  const untilMs = decisions.newestAt;
  const slots = decisions.oldestFirst();
  const found: number[] = [];
  for (const [n, slot] of slots.entries()) {
    if (n % decisionsAStep === 0 && pace.isOver) await pace.next();
    const words = decisions.records.page(slot);
    const at = decisions.records.at(slot);
    if (!table.samples(words, at)) continue;
    const { decidedAt } = decisions.timesAt(slot);
    // The slot of one that was forgotten meanwhile is another's.
    if (decidedAt < fromMs || decidedAt > untilMs) continue;
    for (let i = 0; i < 4; i++) found.push(words[at + i]);
    found.push(decidedAt - originMs);
  }
  return Int32Array.from(found);
}
