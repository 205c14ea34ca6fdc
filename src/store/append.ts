import type { DatabaseSync } from 'node:sqlite';
import { isReference, lengthsOfReferences } from './body-reference.ts';
import { Cutter, type Part } from './cut.ts';
import { Damaged } from './damage.ts';
import { joinedDigest, mayBegin } from './digest.ts';
import { type StoreLimits, tagRoom } from './limits.ts';
import { TagBook } from './tag-book.ts';
import type { Known } from './trace-table.ts';
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
    const { db, ids, bodies, table } = this.#traces;
    db.exec('BEGIN IMMEDIATE');
    try {
      this.#tags.begin(now);
      ids.refresh();
      bodies.begin();
      const mostBytes = Math.max(leastRoomBytes, 2 * request.length);
      for (const part of this.#cutter.cut(request, mostBytes)) this.#store(part, now);
      this.#closeBlock(now);
      db.exec('COMMIT');
      bodies.commit();
    } catch (error) {
      table.clear();
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
    const { ids, bodies, table } = this.#traces;
    const traceId = padded(part.traceId);
    const known = ids.find(traceId);
    if (known !== undefined) {
      this.#join(known, part, now);
      return;
    }
    this.#makeRoom(part.body, now);
    table.add({ number: ids.next(traceId), traceId, at: bodies.add(part.body) }, part, now);
  }

  /** The trace is there already. */
  #join(number: number, part: Part, now: number): void {
    const { bodies, table } = this.#traces;
    if (bodies.hasLargeBody) this.#closeBlock(now);
    const trace = table.known(number);
    if (trace === undefined) throw new Damaged('its index has a trace that is not there');
    // A batch offered again after the worker died may be stored already: the same bytes are the same part, of the newest.
    if (this.#isFirst(trace, part) || (trace.hasRow && this.#hasPart(number, trace.body, part.body))) return;
    const startMs = Math.min(trace.startMs || part.startMs, part.startMs || trace.startMs);
    const endMs = Math.max(trace.endMs, part.endMs);
    const joined = { traceId: trace.traceId, startMs, endMs, digest: joinedDigest(trace.digest, part.digest) };
    if (trace.hasRow) table.widen(number, joined);
    else table.addRow(number, joined, trace.storedMs);
    this.#makeRoom(part.body, now);
    this.#statements.addPart.run(number, bodies.refer(part.body));
  }

  #makeRoom(body: Uint8Array, now: number): void {
    const { bodies, table } = this.#traces;
    if (!bodies.hasRoom(body) || !table.hasRoom()) this.#closeBlock(now);
  }

  #closeBlock(now: number): void {
    const { bodies, table } = this.#traces;
    table.close(bodies.closeBlock(), now);
  }

  /** Whether a part is the one that came first. That one is read only where all that is known of it is alike. */
  #isFirst({ first, block, digest }: Known, part: Part): boolean {
    const { bodies } = this.#traces;
    const { body } = part;
    if (first?.bytes !== body.length || !mayBegin(digest, part.digest)) return false;
    const there = block === undefined ? bodies.inOpenBlock(first) : bodies.readInBlock({ ...block, ...first });
    return there !== undefined && Buffer.compare(there, body) === 0;
  }

  /** `first`: the one in its row, of formats before 4. */
  #hasPart(number: number, first: Uint8Array | null, body: Uint8Array): boolean {
    const { references, hasBody } = this.#statements;
    const stored = [first, ...references.all(number).map((row) => row.body as Uint8Array)];
    if (this.#traces.bodies.hasBody(stored.filter(isOneReference), body)) return true;
    return hasBody.get(number, body.length, body) !== undefined;
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
