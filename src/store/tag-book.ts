import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Reader } from '../wire/reader.ts';
import { readScalar, type ScalarType } from './any-value.ts';
import type { TagSink } from './attribute-terms.ts';
import { hashKey, type TermScope } from './terms.ts';

/** More values a key than anybody completes from; what comes later is not kept. */
const maxValuesPerKey = 1000;
const maxKeys = 5000;
const maxValueBytes = 512;
/** A value that goes on being seen is dated again this often, so that retention can tell it from one that is gone. */
const redateMs = 3_600_000;

interface Key {
  values: number;
  /** New values since the last `load`; what a key with ever new values may cost is bounded by it. */
  tries: number;
}

/** Keeps which attribute keys and values there are, for completion, at the cost of a set lookup for one seen before. */
export class TagBook implements TagSink {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #redate: StatementSync;
  readonly #keys = new Map<number, Key>();
  readonly #seen = new Set<number>();
  #loadedAt = 0;
  #now = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare('INSERT INTO tag (seen_ms, scope, key, type, value) VALUES (?, ?, ?, ?, ?)');
    this.#redate = db.prepare('UPDATE tag SET seen_ms = ? WHERE scope = ? AND key = ? AND type = ? AND value = ?');
  }

  /** To be called before a batch; what is noted is written within the caller's transaction. */
  begin(now: number): void {
    this.#now = now;
    if (now - this.#loadedAt >= redateMs) this.load(now);
  }

  /** Starts again from what is stored: after rows were deleted, or a transaction undone. */
  load(now: number): void {
    this.#loadedAt = now;
    this.#seen.clear();
    this.#keys.clear();
    const rows = this.#db.prepare('SELECT scope, key, count(*) AS n FROM tag GROUP BY scope, key');
    for (const { scope, key, n } of rows.iterate()) {
      const bytes = Buffer.from(String(key));
      const hash = scope === 'name' ? 0 : hashKey(scope as TermScope, bytes, 0, bytes.length);
      this.#keys.set(hash, { values: Number(n), tries: 0 });
    }
  }

  knows(term: number): boolean {
    return this.#seen.has(term);
  }

  note(scope: TermScope, keyHash: number, term: number, key: Reader, value: Reader): void {
    const known = this.#keys.get(keyHash) ?? this.#newKey(keyHash);
    if (known.tries >= maxValuesPerKey || value.end - value.pos > maxValueBytes) return;
    known.tries++;
    this.#seen.add(term);
    const scalar = scope === 'name' ? { type: 'string' as const, text: text(value) } : readScalar(value);
    if (scalar !== undefined) this.#write(known, scope, scope === 'name' ? 'name' : text(key), scalar);
  }

  #newKey(hash: number): Key {
    const key = { values: 0, tries: this.#keys.size >= maxKeys ? maxValuesPerKey : 0 };
    if (key.tries === 0) this.#keys.set(hash, key);
    return key;
  }

  #write(known: Key, scope: TermScope, key: string, value: { type: ScalarType; text: string }): void {
    const row = [this.#now, scope, key, value.type, value.text] as const;
    if (this.#redate.run(...row).changes > 0 || known.values >= maxValuesPerKey) return;
    this.#insert.run(...row);
    known.values++;
  }
}

const text = (r: Reader): string => Buffer.from(r.buf.buffer, r.buf.byteOffset + r.pos, r.end - r.pos).toString('utf8');
