import type { DatabaseSync } from 'node:sqlite';
import type { Reader } from '../wire/reader.ts';
import { readScalar } from './any-value.ts';
import type { TagSink } from './attribute-terms.ts';
import { type TagRow, TagTable } from './tag-table.ts';
import { hashKey, type TermScope } from './terms.ts';

/** More values a key than anybody completes from; what comes later is not kept. */
const maxValuesPerKey = 1000;
const maxKeys = 5000;
/** Of a value, and of a key. */
const maxTextBytes = 512;
/** Values looked at between two loads: what values that are ever new may cost in time and memory. */
const maxSeen = 200_000;
/** A value that goes on being seen is dated again this often, so that retention can tell it from one that is gone. */
const redateMs = 3_600_000;

interface Key {
  values: number;
  /** New values since the last `load`; what a key with ever new values may cost is bounded by it. */
  tries: number;
}

/** Keeps which attribute keys and values there are, for completion, at the cost of a set lookup for one seen before. */
export class TagBook implements TagSink {
  readonly #table: TagTable;
  readonly #keys = new Map<number, Key>();
  readonly #seen = new Set<number>();
  #isFull = false;
  #loadedAt = 0;
  #now = 0;

  constructor(db: DatabaseSync, maxBytes: number) {
    this.#table = new TagTable(db, maxBytes);
  }

  /** To be called before a batch; what is noted is written within the caller's transaction. */
  begin(now: number): void {
    this.#now = now;
    if (now - this.#loadedAt >= redateMs) this.load(now);
  }

  /** Starts again from what is stored: after rows were deleted, or a transaction undone. */
  load(now: number): void {
    this.#loadedAt = now;
    this.#isFull = false;
    this.#seen.clear();
    this.#keys.clear();
    for (const { scope, key, values } of this.#table.load()) {
      const bytes = Buffer.from(key);
      const hash = scope === 'name' ? 0 : hashKey(scope as TermScope, bytes, 0, bytes.length);
      this.#keys.set(hash, { values, tries: 0 });
    }
  }

  /**
   * Lets values go that nobody sent since `seenBefore`, and the oldest where there was no room for a new one; those that
   * are still sent are noted again when they come. Not after every batch: that is what new values may cost.
   */
  forget(now: number, seenBefore: number): void {
    const wasFull = this.#isFull;
    if (wasFull) this.#table.makeRoom();
    if (this.#table.forget(seenBefore) || wasFull) this.load(now);
  }

  knows(term: number): boolean {
    return this.#seen.has(term);
  }

  note(scope: TermScope, keyHash: number, term: number, key: Reader, value: Reader): void {
    if (this.#seen.size >= maxSeen) this.#isFull = true;
    if (this.#isFull) return;
    const known = this.#keys.get(keyHash) ?? this.#newKey(keyHash);
    const isLong = value.end - value.pos > maxTextBytes || key.end - key.pos > maxTextBytes;
    if (known.tries >= maxValuesPerKey || isLong) return;
    known.tries++;
    this.#seen.add(term);
    const scalar = scope === 'name' ? { type: 'string' as const, text: text(value) } : readScalar(value);
    if (scalar === undefined) return;
    this.#write(known, { scope, key: scope === 'name' ? 'name' : text(key), type: scalar.type, value: scalar.text });
  }

  #newKey(hash: number): Key {
    const key = { values: 0, tries: this.#keys.size >= maxKeys ? maxValuesPerKey : 0 };
    if (key.tries === 0) this.#keys.set(hash, key);
    return key;
  }

  #write(known: Key, row: TagRow): void {
    if (this.#table.redate(row, this.#now) || known.values >= maxValuesPerKey) return;
    if (this.#table.insert(row, this.#now)) known.values++;
    else this.#isFull = true;
  }
}

const text = (r: Reader): string => Buffer.from(r.buf.buffer, r.buf.byteOffset + r.pos, r.end - r.pos).toString('utf8');
