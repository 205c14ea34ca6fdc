import type { DatabaseSync } from 'node:sqlite';
import type { Reader } from '../wire/reader.ts';
import { readScalar } from './any-value.ts';
import { maxListedBytes, type TagPlace, type TagSink } from './attribute-terms.ts';
import type { NotedField } from './noted-fields.ts';
import { type TagRow, TagTable } from './tag-table.ts';
import { TermSet } from './term-set.ts';
import { hashKey, keySeeds, runOf, type TagScope } from './terms.ts';

/** More values a key than anybody completes from; what comes later is not kept. */
const maxValuesPerKey = 1000;
const maxKeys = 5000;
const maxKeyBytes = 512;
/** Values looked at between two loads: what values that are ever new may cost in time and memory. */
const maxSeen = 200_000;
/** A value that goes on being seen is dated again this often, so that retention can tell it from one that is gone. */
const redateMs = 3_600_000;

interface Key {
  values: number;
  /** New values since the last `load`; what a key with ever new values may cost is bounded by it. */
  tries: number;
  /** Whether it was noted since the last `load` as one that has values which are not listed. */
  isNoted: boolean;
}

/** Stands for every key that there is no room for. */
const noRoom: Key = { values: 0, tries: maxValuesPerKey, isNoted: true };

/** Keeps which keys and values there are, for completion, at the cost of a set lookup for one seen before. */
export class TagBook implements TagSink {
  readonly #table: TagTable;
  readonly #keys = new Map<number, Key>();
  readonly #seen = new TermSet();
  #isFull = false;
  #hasTooManyKeys = false;
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
    this.#isFull = this.#hasTooManyKeys = false;
    this.#seen.clear();
    this.#keys.clear();
    for (const { scope, key, values } of this.#table.load())
      this.#keys.set(hashKey(keySeeds[scope as TagScope], runOf(key)), { values, tries: 0, isNoted: false });
  }

  /**
   * Lets values go that nobody sent since `seenBefore`, and the oldest where there was no room for a new one or a new
   * key; those that are still sent are noted again when they come. Not after every batch: that is what new values may cost.
   */
  forget(now: number, seenBefore: number): void {
    const [wasFull, hadTooManyKeys] = [this.#isFull, this.#hasTooManyKeys];
    if (wasFull) this.#table.makeRoom();
    if (hadTooManyKeys) this.#table.forgetOldestKeys(Math.ceil(maxKeys / 8));
    if (this.#table.forget(seenBefore) || wasFull || hadTooManyKeys) this.load(now);
  }

  knows(term: number): boolean {
    return this.#seen.has(term);
  }

  note(place: TagPlace, term: number, value: Reader): void {
    const known = this.#take(place, term);
    const scalar = known && readScalar(value);
    if (scalar) this.#write(known, { scope: place.scope, key: text(place.key), type: scalar.type, value: scalar.text });
  }

  noteText({ key, hash }: NotedField, term: number, value: Reader): void {
    const known = value.end - value.pos <= maxListedBytes && this.#take({ keyHash: hash }, term);
    if (known) this.#write(known, { scope: 'intrinsic', key, type: 'string', value: text(value) });
  }

  noteKey(place: TagPlace): void {
    if (this.#isFull) return;
    const known = this.#key(place);
    if (known.isNoted) return;
    known.isNoted = true;
    this.#write(known, { scope: place.scope, key: text(place.key), type: 'none', value: '' });
  }

  /** The key, where there is room for one more value of it. */
  #take(place: Pick<TagPlace, 'keyHash'> & Partial<TagPlace>, term: number): Key | undefined {
    if (this.#seen.size >= maxSeen) this.#isFull = true;
    if (this.#isFull) return undefined;
    const known = this.#key(place);
    if (known.tries >= maxValuesPerKey) return undefined;
    known.tries++;
    this.#seen.add(term);
    return known;
  }

  #key({ keyHash, key }: Pick<TagPlace, 'keyHash'> & Partial<TagPlace>): Key {
    const known = this.#keys.get(keyHash);
    if (known !== undefined) return known;
    if (key !== undefined && key.end - key.pos > maxKeyBytes) return noRoom;
    this.#hasTooManyKeys ||= this.#keys.size >= maxKeys;
    if (this.#hasTooManyKeys) return noRoom;
    const added = { values: 0, tries: 0, isNoted: false };
    this.#keys.set(keyHash, added);
    return added;
  }

  #write(known: Key, row: TagRow): void {
    if (this.#table.redate(row, this.#now) || known.values >= maxValuesPerKey) return;
    if (this.#table.insert(row, this.#now)) known.values++;
    else this.#isFull = true;
  }
}

const text = (r: Reader): string => Buffer.from(r.buf.buffer, r.buf.byteOffset + r.pos, r.end - r.pos).toString('utf8');
