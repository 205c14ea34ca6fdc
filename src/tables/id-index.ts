import type { Records } from './records.ts';

/** What an index needs to know of the records it points to: the first four words of each are its trace id. */
type IdRecords = Pick<Records, 'page' | 'at'>;

const partitionBits = 8;
const partitionShift = 32 - partitionBits;
const smallest = 16;

/**
 * Trace id → slot of the record that starts with it. Open addressing with linear probing, cut into 256 partitions by
 * hash, each of which grows and shrinks alone: no resize ever touches more than 1/256 of the ids. An entry is two
 * words, slot + 1 and hash; the hash decides nearly every comparison without a look at the record. Removal closes the
 * gap instead of leaving a tombstone.
 */
export class IdIndex {
  readonly #records: IdRecords;
  readonly #partitions: Int32Array[] = [];
  readonly #counts = new Int32Array(1 << partitionBits);
  readonly #seed: number;

  /** `seed` should differ between processes, so that nobody can choose ids that collide. */
  constructor(records: IdRecords, seed: number) {
    this.#records = records;
    this.#seed = seed | 0;
    for (let i = 0; i < 1 << partitionBits; i++) this.#partitions.push(new Int32Array(smallest * 2));
  }

  /** The slot of the record with the id at ids[from … from + 4), or -1. */
  find(ids: Int32Array, from: number): number {
    const a = ids[from];
    const b = ids[from + 1];
    const c = ids[from + 2];
    const d = ids[from + 3];
    const hash = this.#hash(a, b, c, d);
    const entries = this.#partitions[hash >>> partitionShift];
    const mask = entries.length - 2;
    for (let i = (hash << 1) & mask; ; i = (i + 2) & mask) {
      const slot = entries[i] - 1;
      if (slot < 0) return -1;
      if (entries[i + 1] !== hash) continue;
      const words = this.#records.page(slot);
      const at = this.#records.at(slot);
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  }

  /** Adds a record whose id is set and not in the index yet. */
  insert(slot: number): void {
    const hash = this.#hashOf(slot);
    const partition = hash >>> partitionShift;
    const capacity = this.#partitions[partition].length >>> 1;
    if ((this.#counts[partition] + 1) * 4 > capacity * 3) this.#resize(partition, capacity * 2);
    place(this.#partitions[partition], slot + 1, hash);
    this.#counts[partition]++;
  }

  /** Takes a record out; its id must still be set. */
  remove(slot: number): void {
    const hash = this.#hashOf(slot);
    const partition = hash >>> partitionShift;
    const entries = this.#partitions[partition];
    const mask = entries.length - 2;
    let i = (hash << 1) & mask;
    while (entries[i] !== slot + 1) i = (i + 2) & mask;
    closeGap(entries, i);
    const capacity = entries.length >>> 1;
    if (--this.#counts[partition] * 8 < capacity && capacity > smallest) this.#resize(partition, capacity >>> 1);
  }

  /** Bytes held by the partitions. */
  get bytes(): number {
    return this.#partitions.reduce((sum, entries) => sum + entries.byteLength, 0);
  }

  #resize(partition: number, capacity: number): void {
    const old = this.#partitions[partition];
    const entries = new Int32Array(capacity * 2);
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) place(entries, old[i], old[i + 1]);
    this.#partitions[partition] = entries;
  }

  #hashOf(slot: number): number {
    const words = this.#records.page(slot);
    const at = this.#records.at(slot);
    return this.#hash(words[at], words[at + 1], words[at + 2], words[at + 3]);
  }

  #hash(a: number, b: number, c: number, d: number): number {
    let h = this.#seed ^ Math.imul(a, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ b, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13) ^ c, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 16) ^ d, 0x27d4eb2f);
    return h ^ (h >>> 15);
  }
}

function place(entries: Int32Array, slotPlusOne: number, hash: number): void {
  const mask = entries.length - 2;
  let i = (hash << 1) & mask;
  while (entries[i] !== 0) i = (i + 2) & mask;
  entries[i] = slotPlusOne;
  entries[i + 1] = hash;
}

/** Knuth, TAOCP 3, 6.4, algorithm R: move back every entry that the hole would cut off from its home. */
function closeGap(entries: Int32Array, hole: number): void {
  const mask = entries.length - 2;
  for (let i = (hole + 2) & mask; entries[i] !== 0; i = (i + 2) & mask) {
    const home = (entries[i + 1] << 1) & mask;
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      entries[hole] = entries[i];
      entries[hole + 1] = entries[i + 1];
      hole = i;
    }
  }
  entries[hole] = 0;
}
