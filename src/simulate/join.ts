import type { Pace } from '../shard/window-reader.ts';
import type { GatheredTraces } from './gather.ts';
import { SpanNames } from './names.ts';
import { type TableOptions, TraceTable } from './trace-table.ts';

const rowsAStep = 512;

/** Everything that was gathered of the window, trace by trace. */
export interface JoinedTraces {
  readonly table: TraceTable;
  readonly names: SpanNames;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
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
  const cut = gathered.filter(({ isWhole }) => !isWhole);
  return {
    table,
    names,
    originMs,
    fromMs: Math.max(fromMs, Math.min(...gathered.map(({ firstAt }) => firstAt))),
    toMs: Math.min(originMs, ...cut.map(({ lastAt }) => lastAt)),
    isWhole: cut.length === 0,
  };
}
