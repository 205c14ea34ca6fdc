import type { StatementSync } from 'node:sqlite';
import type { Field, Query } from '../traceql/ast.ts';
import { compileSpansets, matchSteps, type Spanset } from '../traceql/evaluate.ts';
import { namedIn } from '../traceql/named-in.ts';
import type { BodyFiles } from './body-files.ts';
import { isReference } from './body-reference.ts';
import { Damaged } from './damage.ts';
import { Duplicates } from './join-duplicates.ts';
import { compileMayMatch } from './may-match.ts';
import { inTurn, type Pace } from './pace.ts';
import type { SpanView } from './span-view.ts';
import { idIn, type TraceIds } from './trace-ids.ts';
import { TraceView } from './trace-view.ts';
import type { Traces } from './traces.ts';

/** Unix milliseconds, both ends included; a trace is inside when any moment of it is. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Match {
  readonly trace: TraceView;
  /** What the query found in it; not empty. */
  readonly sets: readonly Spanset<SpanView>[];
}

/** What a search has looked at so far. */
export interface Inspected {
  traces: number;
  bytes: number;
}

/** Where a trace is; another may have the place when it was deleted. */
interface Place {
  readonly id: number;
  readonly traceId: Uint8Array;
}

/** A trace that may match; its digest, as of when its page was read, where that is not large. */
interface Candidate {
  readonly id: number;
  readonly digest: Uint8Array | null;
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

const rowsPerPage = 256;
/** Of a digest that is read with its page; usual ones have some hundred bytes. */
const mostPagedBytes = 1024;
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
  readonly #page: StatementSync;
  readonly #row: StatementSync;
  readonly #part: StatementSync;
  readonly #ids: TraceIds;
  readonly #bodies: BodyFiles;

  constructor({ db, ids, bodies }: Traces) {
    this.#ids = ids;
    this.#bodies = bodies;
    // A digest that is larger is read for one trace at a time.
    this.#page =
      db.prepare(`SELECT id, start_ms, CASE WHEN length(digest) <= ${mostPagedBytes} THEN digest END AS digest
      FROM trace WHERE (start_ms, id) < (?, ?) AND end_ms >= ? ORDER BY start_ms DESC, id DESC LIMIT ${rowsPerPage}`);
    this.#row = db.prepare('SELECT trace_id, digest, body FROM trace WHERE id = ?');
    this.#part = db.prepare('SELECT id, body FROM part WHERE trace = ? AND id > ? ORDER BY id LIMIT 1');
  }

  /**
   * The trace, part by part, each a tempopb.Trace, which has the shape of an export request; undefined where there is none.
   * Throws DeletedMeanwhile at the end.
   */
  parts(traceId: Uint8Array, pace: Pace): StoredParts | undefined {
    this.#ids.refresh();
    const id = this.#ids.find(traceId);
    if (id === undefined) return undefined;
    const read: ReadOf = { bytes: 0, isWhole: true };
    return { read, parts: this.#parts({ id, traceId }, read, pace) };
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
    for await (const { id, digest } of this.#candidates(window, inspected, pace)) {
      if (digest !== null && !mayMatch(digest)) continue;
      const row = this.#row.get(id);
      // Deleted meanwhile; or met again, where a late span made it begin earlier.
      if (row === undefined || given.has(id)) continue;
      if (digest === null && !mayMatch(row.digest as Uint8Array)) continue;
      if (inspected.bytes >= mostBytes) return;
      const trace = await this.#view({ id, traceId: idIn(row.trace_id as Uint8Array) }, inspected, pace);
      if (trace === undefined) continue;
      const sets = await inTurn(matchSteps(compiled, trace.spans), pace);
      if (sets.length === 0) continue;
      given.add(id);
      yield { trace, sets };
    }
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

  /** Keyset paging: no statement stays open while others write. */
  async *#candidates(window: TimeWindow, inspected: Inspected, pace: Pace): AsyncGenerator<Candidate> {
    let last = { start: window.toMs, id: Number.MAX_SAFE_INTEGER };
    for (;;) {
      const rows = this.#page.all(last.start, last.id, window.fromMs);
      for (const row of rows) {
        inspected.traces++;
        yield { id: Number(row.id), digest: row.digest as Uint8Array | null };
        if (pace.isOver) await pace.next();
      }
      if (rows.length < rowsPerPage) return;
      const next = { start: Number(rows.at(-1)!.start_ms), id: Number(rows.at(-1)!.id) };
      if (next.start > last.start || (next.start === last.start && next.id >= last.id)) throw outOfOrder();
      last = next;
    }
  }

  /** With each span once. A part has a bounded number of spans, so that reading a giant trace is many steps. */
  async *#parts({ id, traceId }: Place, read: ReadOf, pace: Pace): AsyncGenerator<Uint8Array> {
    const duplicates = new Duplicates();
    for (const stored of this.#stored(id)) {
      const body = isReference(stored) ? this.#bodies.read(stored) : stored;
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
    const row = this.#row.get(id);
    if (row === undefined || Buffer.compare(idIn(row.trace_id as Uint8Array), traceId) !== 0)
      throw new DeletedMeanwhile('the trace was deleted while it was read');
  }

  /** Its bodies in the order they came, or references to them. */
  *#stored(id: number): Generator<Uint8Array> {
    const first = this.#row.get(id)?.body as Uint8Array | null | undefined;
    if (first) yield first;
    let last = 0;
    for (let row = this.#part.get(id, 0); row !== undefined; row = this.#part.get(id, last)) {
      if (Number(row.id) <= last) throw outOfOrder();
      last = Number(row.id);
      yield row.body as Uint8Array;
    }
  }
}

/** In a damaged file what comes next can be what came before, for ever. */
const outOfOrder = (): Damaged => new Damaged('it has rows out of order');

/** The fields a query names, each once, in its order: Tempo shows their values with every span it returns. */
export function namedFields(query: Query): Field[] {
  const fields = new Map<string, Field>();
  for (const field of namedIn([query.spansets, query.select])) fields.set(JSON.stringify(field), field);
  return [...fields.values()];
}
