import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { systemClock } from '../clock.ts';
import type { Field, Query, SpansetExpression } from '../traceql/ast.ts';
import { compileSpansets, matchSpans } from '../traceql/evaluate.ts';
import { joinDuplicates } from './join-duplicates.ts';
import { compileMayMatch } from './may-match.ts';
import type { SpanView } from './span-view.ts';
import { TraceView } from './trace-view.ts';

/** Unix milliseconds, both ends included; a trace is inside when any moment of it is. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Match {
  readonly trace: TraceView;
  readonly spans: readonly SpanView[];
}

/** What a search has looked at so far. */
export interface Inspected {
  traces: number;
  bytes: number;
}

const rowsPerPage = 256;
/** A search gives way to writes this often; it is the longest that either waits for the other. */
const sliceMs = 15;

/** Reads traces out of the store. */
export class TraceReader {
  readonly #page: StatementSync;
  readonly #bodies: StatementSync;
  readonly #find: StatementSync;

  constructor(db: DatabaseSync) {
    this.#page = db.prepare(`SELECT id, trace_id, start_ms, digest FROM trace
      WHERE (start_ms, id) < (?, ?) AND end_ms >= ? ORDER BY start_ms DESC, id DESC LIMIT ${rowsPerPage}`);
    this.#bodies = db.prepare('SELECT body FROM part WHERE trace = ? ORDER BY id');
    this.#find = db.prepare('SELECT id FROM trace WHERE trace_id = ?');
  }

  /** The trace as tempopb.Trace, which has the shape of an export request; undefined where there is none. */
  body(traceId: Uint8Array): Uint8Array | undefined {
    const row = this.#find.get(traceId);
    return row === undefined ? undefined : this.#read(Number(row.id));
  }

  /** The traces that `spansets` matches, newest first, each with its matching spans. */
  async *search(spansets: SpansetExpression, window: TimeWindow, inspected: Inspected): AsyncGenerator<Match> {
    const mayMatch = compileMayMatch(spansets);
    const compiled = compileSpansets(spansets);
    for await (const row of this.#candidates(window, inspected)) {
      if (!mayMatch(row.digest as Uint8Array)) continue;
      const body = this.#read(Number(row.id));
      inspected.bytes += body.length;
      const trace = new TraceView(Buffer.from(row.trace_id as Uint8Array).toString('hex'), body);
      const spans = matchSpans(compiled, trace.spans);
      if (spans.length > 0) yield { trace, spans };
    }
  }

  /** Keyset paging: no statement stays open while others write. */
  async *#candidates(window: TimeWindow, inspected: Inspected) {
    let last = { start: window.toMs, id: Number.MAX_SAFE_INTEGER };
    let since = systemClock.monotonicMs();
    for (;;) {
      const rows = this.#page.all(last.start, last.id, window.fromMs);
      for (const row of rows) {
        inspected.traces++;
        yield row;
        if (systemClock.monotonicMs() - since < sliceMs) continue;
        await nextTurn();
        since = systemClock.monotonicMs();
      }
      if (rows.length < rowsPerPage) return;
      last = { start: Number(rows.at(-1)!.start_ms), id: Number(rows.at(-1)!.id) };
    }
  }

  #read(id: number): Uint8Array {
    const bodies = this.#bodies.all(id).map((row) => row.body as Uint8Array);
    return joinDuplicates(bodies.length === 1 ? bodies[0] : Buffer.concat(bodies));
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The fields a query names, each once, in its order: Tempo shows their values with every span it returns. */
export function namedFields(query: Query): Field[] {
  const fields = new Map<string, Field>();
  collect(query.spansets, (field) => fields.set(JSON.stringify(field), field));
  for (const field of query.select) fields.set(JSON.stringify(field), field);
  return [...fields.values()];
}

function collect(node: unknown, add: (field: Field) => void): void {
  if (typeof node !== 'object' || node === null) return;
  const { type } = node as { type?: string };
  if (type === 'attribute' || type === 'intrinsic') add(node as Field);
  else if (type !== 'literal') for (const child of Object.values(node)) collect(child, add);
}
