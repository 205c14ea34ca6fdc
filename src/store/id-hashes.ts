import type { DatabaseSync } from 'node:sqlite';
import { Damaged } from './damage.ts';
import { tracesPerGeneration } from './trace-key.ts';

/** So many first bits of a hash make a bucket of some 64 ids: a small row. */
const bucketBits = 7;
const buckets = 2 ** bucketBits;
/** The row that has the seed of the hash: another process must find what this one wrote. */
const seedBucket = -1;

const firstBits = (hash: number): number => hash >>> (32 - bucketBits);
const bucketOf = (generation: number, hash: number): number => generation * buckets + firstBits(hash);

/**
 * The hashes of the ids of whole generations, as the table `id_hash` has them: for each of a hash's first bits a row of
 * i32 hash | i32 place in the generation, in this machine's order of bytes. It is written when a generation is full: an index of
 * ids would be written to with every trace.
 */
export class IdHashes {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db);
  }

  get seed(): number {
    const seed = this.#statements.bucket.get(seedBucket);
    if (seed === undefined) throw new Damaged('it does not say how ids are hashed');
    return numbersIn(seed.entries as Uint8Array)[0];
  }

  /** All ids of a generation, by their places in it. */
  write(generation: number, hashes: Int32Array): void {
    const entries = Array.from({ length: buckets }, (): number[] => []);
    for (let place = 0; place < hashes.length; place++) entries[firstBits(hashes[place])].push(hashes[place], place);
    for (const [i, bucket] of entries.entries())
      this.#statements.write.run(generation * buckets + i, new Uint8Array(Int32Array.from(bucket).buffer));
  }

  /** The first generation that was written. */
  first(): number | undefined {
    const { bucket } = this.#statements.first.get()!;
    return bucket === null ? undefined : Math.floor(Number(bucket) / buckets);
  }

  /** Of the traces of a generation, those whose ids have this hash. */
  numbers(generation: number, hash: number): number[] {
    const bucket = this.#statements.bucket.get(bucketOf(generation, hash));
    // Another process has deleted it meanwhile.
    if (bucket === undefined) return [];
    const entries = numbersIn(bucket.entries as Uint8Array);
    const found: number[] = [];
    for (let i = 0; i + 1 < entries.length; i += 2)
      if (entries[i] === hash) found.push(generation * tracesPerGeneration + entries[i + 1]);
    return found;
  }

  /** All hashes of a generation, in any order. */
  *read(generation: number): Generator<number> {
    for (const row of this.#statements.generation.all(generation * buckets, (generation + 1) * buckets)) {
      const entries = numbersIn(row.entries as Uint8Array);
      for (let at = 0; at < entries.length; at += 2) yield entries[at];
    }
  }

  deleteBefore(generation: number): void {
    this.#statements.deleteBefore.run(seedBucket, generation * buckets);
  }
}

function numbersIn(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

const prepare = (db: DatabaseSync) => ({
  write: db.prepare('INSERT OR REPLACE INTO id_hash (bucket, entries) VALUES (?, ?)'),
  bucket: db.prepare('SELECT entries FROM id_hash WHERE bucket = ?'),
  generation: db.prepare('SELECT entries FROM id_hash WHERE bucket >= ? AND bucket < ?'),
  first: db.prepare('SELECT min(bucket) AS bucket FROM id_hash WHERE bucket >= 0'),
  deleteBefore: db.prepare('DELETE FROM id_hash WHERE bucket > ? AND bucket < ?'),
});
