import type { StatementSync } from 'node:sqlite';
import type { Field, Query } from '../traceql/ast.ts';
import { compileSpansets, matchSteps, type Spanset } from '../traceql/evaluate.ts';
import { namedIn } from '../traceql/named-in.ts';
import type { BodyFiles } from './body-files.ts';
import { isReference } from './body-reference.ts';
import { Candidates, type Inspected, type TimeWindow } from './candidates.ts';
import { Duplicates } from './join-duplicates.ts';
import { compileMayMatch } from './may-match.ts';
import { inTurn, type Pace } from './pace.ts';
import type { SpanView } from './span-view.ts';
import type { TraceIds } from './trace-ids.ts';
import { outOfOrder, type TraceTable } from './trace-table.ts';
import { TraceView } from './trace-view.ts';
import type { Traces } from './traces.ts';

export interface Match {
  readonly trace: TraceView;
  /** What the query found in it; not empty. */
  readonly sets: readonly Spanset<SpanView>[];
}

/** Where a trace is; another may have the place when it was deleted. */
interface Place {
  readonly number: number;
  readonly traceId: Uint8Array;
}

interface Searching {
  readonly inspected: Inspected;
  readonly pace: Pace;
  /** Of traces, so much is read and not much more. */
  readonly mostBytes?: number;
}

/** A trace while it is read: `read` says how much, and at the end whether that was all. */
export interface StoredParts {
  readonly read: ReadOf;
  readonly parts: AsyncIterable<Uint8Array>;
}

/** Of one trace, as much as is read; Tempo stores no more than 5 MB of one by default. */
export const maxTraceBytes = 16 * 1024 * 1024;

/** So that whoever asks for the trace knows that there was more. */
const damaged = 'spans of it are damaged in the store, or were lost with a crash of the machine';

/** What was read of a trace. */
interface ReadOf {
  bytes: number;
  /** False where it is larger than `maxTraceBytes`. */
  isWhole: boolean;
  /** In words, what is known to be missing all the same. */
  missing?: string;
}

/** Retention deleted the trace while it was read: what was read of it may be a part. */
export class DeletedMeanwhile extends Error {
  override readonly name = 'DeletedMeanwhile';
}

/** Reads traces out of the store. */
export class TraceReader {
  readonly #part: StatementSync;
  readonly #table: TraceTable;
  readonly #ids: TraceIds;
  readonly #bodies: BodyFiles;
  readonly #candidates: Candidates;

  constructor({ db, table, ids, bodies }: Traces) {
    this.#table = table;
    this.#ids = ids;
    this.#bodies = bodies;
    this.#candidates = new Candidates(db);
    this.#part = db.prepare('SELECT id, body FROM part WHERE trace = ? AND id > ? ORDER BY id LIMIT 1');
  }

  /**
   * The trace, part by part, each a tempopb.Trace, which has the shape of an export request; undefined where there is none.
   * Throws DeletedMeanwhile at the end.
   */
  parts(traceId: Uint8Array, pace: Pace): StoredParts | undefined {
    this.#ids.refresh();
    const number = this.#ids.find(traceId);
    if (number === undefined) return undefined;
    const read: ReadOf = { bytes: 0, isWhole: true };
    return { read, parts: this.#parts({ number, traceId }, read, pace) };
  }

  /** The traces that a query matches, newest first, each with its matching spans. */
  async *search(
    { spansets, select }: Pick<Query, 'spansets' | 'select'>,
    window: TimeWindow,
    { inspected, pace, mostBytes = Number.POSITIVE_INFINITY }: Searching,
  ): AsyncGenerator<Match> {
    const mayMatch = compileMayMatch(spansets);
    const compiled = compileSpansets(spansets, select);
    const given = new Set<number>();
    for await (const { number, isUnasked } of this.#candidates.find(window, { mayMatch, inspected, pace })) {
      const traceId = this.#table.traceId(number);
      // Deleted meanwhile; or met again, where a late span made it begin earlier.
      if (traceId === undefined || given.has(number)) continue;
      if (isUnasked && !this.#mayMatch(number, mayMatch)) continue;
      if (inspected.bytes >= mostBytes) return;
      const trace = await this.#view({ number, traceId }, inspected, pace);
      if (trace === undefined) continue;
      const sets = await inTurn(matchSteps(compiled, trace.spans), pace);
      if (sets.length === 0) continue;
      given.add(number);
      yield { trace, sets };
    }
  }

  #mayMatch(number: number, mayMatch: (digest: Uint8Array) => boolean): boolean {
    const row = this.#table.row(number);
    return row !== undefined && mayMatch(row.digest);
  }

  /** Undefined where it was deleted meanwhile. */
  async #view(place: Place, inspected: Inspected, pace: Pace): Promise<TraceView | undefined> {
    const trace = new TraceView(Buffer.from(place.traceId).toString('hex'));
    const read: ReadOf = { bytes: 0, isWhole: true };
    try {
      for await (const part of this.#parts(place, read, pace)) trace.add(part);
    } catch (error) {
      if (error instanceof DeletedMeanwhile) return undefined;
      throw error;
    } finally {
      inspected.bytes += read.bytes;
    }
    return trace;
  }

  /** With each span once. A part has a bounded number of spans, so that reading a giant trace is many steps. */
  async *#parts({ number, traceId }: Place, read: ReadOf, pace: Pace): AsyncGenerator<Uint8Array> {
    const duplicates = new Duplicates();
    for (const body of this.#bodiesOf(number)) {
      if (body === undefined) {
        read.missing = damaged;
        continue;
      }
      read.isWhole = read.bytes === 0 || read.bytes + body.length <= maxTraceBytes;
      if (!read.isWhole) return;
      read.bytes += body.length;
      yield duplicates.leftOut(body);
      if (pace.isOver) await pace.next();
    }
    const there = this.#table.traceId(number);
    if (there === undefined || Buffer.compare(there, traceId) !== 0)
      throw new DeletedMeanwhile('the trace was deleted while it was read');
  }

  /** In the order they came; undefined for one that is damaged. */
  *#bodiesOf(number: number): Generator<Uint8Array | undefined> {
    const inBlock = this.#table.body(number);
    if (inBlock !== undefined) yield inBlock === null ? undefined : this.#bodies.readInBlock(inBlock);
    const first = this.#table.row(number)?.body;
    if (first) yield this.#bodyOf(first);
    let last = 0;
    for (let row = this.#part.get(number, 0); row !== undefined; row = this.#part.get(number, last)) {
      if (Number(row.id) <= last) throw outOfOrder();
      last = Number(row.id);
      yield this.#bodyOf(row.body as Uint8Array);
    }
  }

  #bodyOf(stored: Uint8Array): Uint8Array | undefined {
    return isReference(stored) ? this.#bodies.read(stored) : stored;
  }
}

/** The fields a query names, each once, in its order: Tempo shows their values with every span it returns. */
export function namedFields(query: Query): Field[] {
  const fields = new Map<string, Field>();
  for (const field of namedIn([query.spansets, query.select])) fields.set(JSON.stringify(field), field);
  return [...fields.values()];
}
