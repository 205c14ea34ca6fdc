import type { DatabaseSync } from 'node:sqlite';
import type { ScalarType } from './any-value.ts';
import type { TagScope } from './terms.ts';

/** Beside the bytes of its words, what a row takes of its page, and what pages have free: measured at 1.15 to 1.3. */
const rowBytes = 40;
const pageShare = 1.25;
const cost = (wordBytes: number): number => (wordBytes + rowBytes) * pageShare;
const costOfRow = `(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB)) + ${rowBytes}) * ${pageShare}`;

/** When the share is full, the oldest go down to this part of it, so that they need not go again at once. */
const keptShare = 7 / 8;

/** One value of one key. */
export interface TagRow {
  readonly scope: TagScope;
  readonly key: string;
  /** `none`: the key has values that are not listed. */
  readonly type: ScalarType | 'none';
  readonly value: string;
}

/** The rows of completion, within a share of the store of their own: traces never have to go for them. */
export class TagTable {
  readonly #maxBytes: number;
  readonly #statements: ReturnType<typeof prepare>;
  #bytes = 0;
  #oldestAt = 0;

  constructor(db: DatabaseSync, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#statements = prepare(db);
  }

  /** The keys that are there, with how many values each; measures the table. */
  *load(): Generator<{ readonly scope: string; readonly key: string; readonly values: number }> {
    this.#bytes = 0;
    this.#oldestAt = Number.MAX_SAFE_INTEGER;
    for (const row of this.#statements.keys.iterate()) {
      this.#bytes += Number(row.bytes);
      this.#oldestAt = Math.min(this.#oldestAt, Number(row.oldest));
      yield { scope: String(row.scope), key: String(row.key), values: Number(row.n) };
    }
  }

  /** False where it is not there. */
  redate({ scope, key, type, value }: TagRow, now: number): boolean {
    return this.#statements.redate.run(now, scope, key, type, value).changes > 0;
  }

  /** False where its share has no room. */
  insert({ scope, key, type, value }: TagRow, now: number): boolean {
    const bytes = cost(Buffer.byteLength(key) + Buffer.byteLength(value));
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#statements.insert.run(now, scope, key, type, value);
    this.#bytes += bytes;
    return true;
  }

  /** Deletes what was last seen before `seenBefore`; true where there was any. To be loaded again afterwards. */
  forget(seenBefore: number): boolean {
    return this.#oldestAt < seenBefore && this.#statements.deleteUntil.run(seenBefore - 1).changes > 0;
  }

  /** Deletes the oldest, an eighth of the share or a little more. To be loaded again afterwards. */
  makeRoom(): void {
    let excess = this.#bytes - this.#maxBytes * keptShare;
    let until = -1;
    for (const { seen, bytes } of this.#statements.ages.iterate()) {
      if (excess <= 0) break;
      excess -= Number(bytes);
      until = Number(seen);
    }
    this.#statements.deleteUntil.run(until);
  }

  /** Deletes the keys that were seen longest ago. To be loaded again afterwards. */
  forgetOldestKeys(count: number): void {
    this.#statements.deleteOldestKeys.run(count);
  }
}

const prepare = (db: DatabaseSync) => ({
  keys: db.prepare(
    `SELECT scope, key, count(*) AS n, min(seen_ms) AS oldest, sum(${costOfRow}) AS bytes FROM tag GROUP BY scope, key`,
  ),
  ages: db.prepare(`SELECT seen_ms AS seen, sum(${costOfRow}) AS bytes FROM tag GROUP BY seen_ms ORDER BY seen_ms`),
  redate: db.prepare('UPDATE tag SET seen_ms = ? WHERE scope = ? AND key = ? AND type = ? AND value = ?'),
  insert: db.prepare('INSERT INTO tag (seen_ms, scope, key, type, value) VALUES (?, ?, ?, ?, ?)'),
  deleteUntil: db.prepare('DELETE FROM tag WHERE seen_ms <= ?'),
  deleteOldestKeys: db.prepare(
    'DELETE FROM tag WHERE (scope, key) IN (SELECT scope, key FROM tag GROUP BY scope, key ORDER BY max(seen_ms) LIMIT ?)',
  ),
});
