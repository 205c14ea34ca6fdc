import type { Pace } from '../shard/window-reader.ts';
import { Decided, decidedWords, type GatheredTraces } from './gather.ts';
import { SpanNames } from './names.ts';
import { type TableOptions, TraceTable } from './trace-table.ts';

const rowsAStep = 512;

/** Everything that was gathered of the window, trace by trace. */
export interface JoinedTraces {
  readonly table: TraceTable;
  readonly names: SpanNames;
  /** The numbers of rows of traces that were decided, shard by shard in the order of their decisions. */
  readonly decided: Int32Array;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
  /** When the first of them began; up to `fromMs` they only count for what policies remember. */
  readonly firstMs: number;
  /** The stretch of time that the traces began in, in monotonic ms. */
  readonly fromMs: number;
  readonly toMs: number;
  /** False where there was no time for all of it. */
  readonly isWhole: boolean;
}

/** What each shard has of the traces, put together: the slices of one trace lie with whoever received them. */
export async function join(
  gathered: readonly GatheredTraces[],
  options: TableOptions,
  {
    originMs,
    fromMs = Number.NEGATIVE_INFINITY,
    pace,
  }: { readonly originMs: number; readonly fromMs?: number | undefined; readonly pace: Pace },
): Promise<JoinedTraces> {
  const table = new TraceTable(options);
  const names = new SpanNames();
  table.thin(Math.max(0, ...gathered.map(({ level }) => level)));
  for (const part of gathered) {
    const services = names.services.numbersOf(part.services);
    const roots = names.roots.numbersOf(part.rootNames);
    for (let row = 0; row < part.count; row += rowsAStep) {
      table.merge(part, services, roots, row, Math.min(part.count, row + rowsAStep));
      if (pace.isOver) await pace.next();
    }
  }
  const decided: number[] = [];
  for (const { decided: words } of gathered) {
    for (let at = 0; at < words.length; at += decidedWords) {
      const row = table.find(words, at + Decided.id);
      if (row < 0) continue;
      table.setDecided(row, words[at + Decided.after]);
      decided.push(row / table.stride);
      if (at % rowsAStep === 0 && pace.isOver) await pace.next();
    }
  }
  const firstMs = Math.min(...gathered.map(({ firstAt }) => firstAt));
  const cut = gathered.filter(({ isWhole }) => !isWhole);
  return {
    table,
    names,
    decided: Int32Array.from(decided),
    originMs,
    firstMs,
    fromMs: Math.max(fromMs, firstMs),
    toMs: Math.min(originMs, ...cut.map(({ lastAt }) => lastAt)),
    isWhole: cut.length === 0,
  };
}
