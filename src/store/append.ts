import type { DatabaseSync } from 'node:sqlite';
import { isReference, lengthsOfReferences } from './body-reference.ts';
import { Cutter, type Part } from './cut.ts';
import { Damaged } from './damage.ts';
import { joinedDigest } from './digest.ts';
import { type StoreLimits, tagRoom } from './limits.ts';
import { TagBook } from './tag-book.ts';
import type { Traces } from './traces.ts';

/** Stores requests, each in one transaction. Late spans join the trace that is there. */
export class Appender {
  readonly #traces: Traces;
  readonly #limits: StoreLimits;
  readonly #tags: TagBook;
  readonly #cutter: Cutter;
  readonly #statements: Statements;

  constructor(traces: Traces, limits: StoreLimits) {
    const { db } = traces;
    this.#traces = traces;
    this.#limits = limits;
    this.#tags = new TagBook(db, tagRoom(limits.maxBytes));
    this.#cutter = new Cutter(this.#tags);
    this.#statements = prepare(db);
  }

  /**
   * `request` is a serialized ExportTraceServiceRequest; all of it is stored when this returns, none when it throws, but for
   * the spans whose number it gives: they would take many times the bytes that came.
   */
  append(request: Uint8Array, now: number): number {
    const { db, ids, bodies } = this.#traces;
    db.exec('BEGIN IMMEDIATE');
    try {
      this.#tags.begin(now);
      ids.refresh();
      bodies.begin();
      const mostBytes = Math.max(leastRoomBytes, 2 * request.length);
      for (const part of this.#cutter.cut(request, mostBytes)) this.#store(part, now);
      bodies.flush();
      db.exec('COMMIT');
      bodies.commit();
    } catch (error) {
      bodies.undo();
      if (db.isTransaction) db.exec('ROLLBACK');
      this.#tags.load(now);
      throw error;
    }
    return this.#cutter.refusedSpans;
  }

  /** Attribute values that no stored trace is young enough to have go, and the oldest where their share is full. */
  forgetTags(now: number): void {
    this.#tags.forget(now, now - this.#limits.retentionMs);
  }

  #store(part: Part, now: number): void {
    const { ids, bodies } = this.#traces;
    const traceId = padded(part.traceId);
    const known = ids.find(traceId);
    if (known !== undefined) this.#join(known, part);
    else {
      const { id, key } = ids.next(traceId);
      this.#statements.insert.run(id, key, now, part.startMs, part.endMs, part.digest, bodies.add(part.body));
    }
  }

  /** The trace is there already. */
  #join(id: number, part: Part): void {
    const { get, widen, addPart } = this.#statements;
    const trace = get.get(id);
    if (trace === undefined) throw new Damaged('its index has a trace that is not there');
    // A batch offered again after the worker died may be stored already: the same bytes are the same part, of the newest.
    if (this.#hasPart(id, trace.body as Uint8Array | null, part.body)) return;
    const start = Math.min(Number(trace.start_ms) || part.startMs, part.startMs || Number(trace.start_ms));
    const end = Math.max(Number(trace.end_ms), part.endMs);
    widen.run(start, end, joinedDigest(trace.digest as Uint8Array, part.digest), id);
    addPart.run(id, this.#traces.bodies.add(part.body));
  }

  #hasPart(id: number, first: Uint8Array | null, body: Uint8Array): boolean {
    const { references, hasBody } = this.#statements;
    const stored = [first, ...references.all(id).map((row) => row.body as Uint8Array)];
    if (this.#traces.bodies.hasBody(stored.filter(isOneReference), body)) return true;
    return hasBody.get(id, body.length, body) !== undefined;
  }
}

const isOneReference = (body: Uint8Array | null): body is Uint8Array => body !== null && isReference(body);

/** What any request may take; some twenty times what a usual batch has. */
const leastRoomBytes = 64 * 1024 * 1024;
/** More than one request has of one trace (cut.ts). */
const mostParts = 64;
const newestParts = `SELECT body FROM part WHERE trace = ? ORDER BY id DESC LIMIT ${mostParts}`;

type Statements = ReturnType<typeof prepare>;

const prepare = (db: DatabaseSync) => ({
  get: db.prepare('SELECT start_ms, end_ms, digest, body FROM trace WHERE id = ?'),
  insert: db.prepare(
    'INSERT INTO trace (id, trace_id, stored_ms, start_ms, end_ms, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  ),
  widen: db.prepare('UPDATE trace SET start_ms = ?, end_ms = ?, digest = ? WHERE id = ?'),
  addPart: db.prepare('INSERT INTO part (trace, body) VALUES (?, ?)'),
  references: db.prepare(`SELECT body FROM (${newestParts}) WHERE length(body) IN (${lengthsOfReferences})`),
  /** Of format 1. */
  hasBody: db.prepare(`SELECT 1 FROM (${newestParts}) WHERE length(body) = ? AND body = ?`),
});

function padded(traceId: Uint8Array): Uint8Array {
  if (traceId.length === 16) return traceId;
  const bytes = new Uint8Array(16);
  bytes.set(traceId.subarray(-16), 16 - Math.min(16, traceId.length));
  return bytes;
}
