import type { DatabaseSync } from 'node:sqlite';
import { Cutter, type Part } from './cut.ts';
import { joinedDigest } from './digest.ts';
import { type StoreLimits, tagRoom } from './limits.ts';
import { TagBook } from './tag-book.ts';

/** Stores requests, each in one transaction. Late spans join the trace that is there. */
export class Appender {
  readonly #db: DatabaseSync;
  readonly #limits: StoreLimits;
  readonly #tags: TagBook;
  readonly #cutter: Cutter;
  readonly #statements: Statements;

  constructor(db: DatabaseSync, limits: StoreLimits) {
    this.#db = db;
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
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#tags.begin(now);
      const mostBytes = Math.max(leastRoomBytes, 2 * request.length);
      for (const part of this.#cutter.cut(request, mostBytes)) this.#store(part, now);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
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
    const { insert, addPart } = this.#statements;
    const traceId = padded(part.traceId);
    const { changes, lastInsertRowid } = insert.run(traceId, now, part.startMs, part.endMs, part.digest);
    if (changes === 0) this.#join(traceId, part);
    else addPart.run(lastInsertRowid, part.body);
  }

  /** The trace is there already. */
  #join(traceId: Uint8Array, part: Part): void {
    const { find, hasPart, widen, addPart } = this.#statements;
    const trace = find.get(traceId)!;
    const id = Number(trace.id);
    // A batch offered again after the worker died may be stored already: the same bytes are the same part, of the newest.
    if (hasPart.get(id, part.body.length, part.body) !== undefined) return;
    const start = Math.min(Number(trace.start_ms) || part.startMs, part.startMs || Number(trace.start_ms));
    const end = Math.max(Number(trace.end_ms), part.endMs);
    widen.run(start, end, joinedDigest(trace.digest as Uint8Array, part.digest), id);
    addPart.run(id, part.body);
  }
}

/** What any request may take; some twenty times what a usual batch has. */
const leastRoomBytes = 64 * 1024 * 1024;
/** More than one request has of one trace (cut.ts). */
const mostParts = 64;

type Statements = ReturnType<typeof prepare>;

const prepare = (db: DatabaseSync) => ({
  find: db.prepare('SELECT id, start_ms, end_ms, digest FROM trace WHERE trace_id = ?'),
  insert: db.prepare(
    'INSERT INTO trace (trace_id, stored_ms, start_ms, end_ms, digest) VALUES (?, ?, ?, ?, ?) ON CONFLICT (trace_id) DO NOTHING',
  ),
  widen: db.prepare('UPDATE trace SET start_ms = ?, end_ms = ?, digest = ? WHERE id = ?'),
  addPart: db.prepare('INSERT INTO part (trace, body) VALUES (?, ?)'),
  hasPart: db.prepare(
    `SELECT 1 FROM (SELECT body FROM part WHERE trace = ? ORDER BY id DESC LIMIT ${mostParts}) WHERE length(body) = ? AND body = ?`,
  ),
});

function padded(traceId: Uint8Array): Uint8Array {
  if (traceId.length === 16) return traceId;
  const bytes = new Uint8Array(16);
  bytes.set(traceId.subarray(-16), 16 - Math.min(16, traceId.length));
  return bytes;
}
