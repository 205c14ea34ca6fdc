import type { Blocks } from './blocks.ts';
import type { IdHash } from './id-hash.ts';
import { Pages } from './pages.ts';
import type { Records } from './records.ts';

/** What an index needs to know of the records it points to: the first four words of each are its trace id. */
type IdRecords = Pick<Records, 'page' | 'at'>;

const pageEntries = 4096;
const entryWords = pageEntries * 2;
const mask = entryWords - 2;
/** Behind the entries: how many of them are used, and how many leading bits of their hashes are the page's. */
const countAt = entryWords;
const depthAt = entryWords + 1;
/** A page fuller than this is split; two neighbours that together are emptier than that are one again. */
const mostEntries = (pageEntries * 3) / 4;
const fewestEntries = pageEntries / 4;
/** Pages as large as all memory: nothing that is split so often has hashes that differ. */
const deepest = 20;

/**
 * Trace id → slot of the record that starts with it. Extendible hashing (Fagin and others, 1979): the leading bits of
 * the hash name a page in a directory, and a page that is full is split in two, so that no insertion ever moves more
 * than one page's entries and what is held is pages of one size. Within a page, open addressing with linear probing:
 * an entry is two words, slot + 1 and hash; the hash decides nearly every comparison without a look at the record.
 * Removal closes the gap instead of leaving a tombstone.
 */
export class IdIndex {
  readonly #records: IdRecords;
  readonly #memory: Pages;
  /** By the leading bits of the hash; neighbours may be the same page. Empty when the index is. */
  #pages: Int32Array[] = [];
  /** 32 less the bits that the directory goes by. */
  #shift = 31;
  readonly #hash: IdHash;
  size = 0;

  constructor(records: IdRecords, hash: IdHash, blocks: Blocks) {
    this.#records = records;
    this.#hash = hash;
    this.#memory = new Pages(entryWords + 2, blocks);
  }

  /** The slot of the record with the id at ids[from … from + 4), or -1. */
  find(ids: Int32Array, from: number): number {
    if (this.size === 0) return -1;
    const a = ids[from];
    const b = ids[from + 1];
    const c = ids[from + 2];
    const d = ids[from + 3];
    const hash = this.#hash.of(a, b, c, d);
    const entries = this.#pages[hash >>> this.#shift];
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
    if (this.size === 0) this.#pages = [this.#open(1), this.#open(1)];
    const hash = this.#hashOf(slot);
    let page = this.#pages[hash >>> this.#shift];
    while (page[countAt] >= mostEntries && page[depthAt] < deepest) {
      this.#split(hash);
      page = this.#pages[hash >>> this.#shift];
    }
    place(page, slot + 1, hash);
    page[countAt]++;
    this.size++;
  }

  /** Takes a record out; its id must still be set. */
  remove(slot: number): void {
    const hash = this.#hashOf(slot);
    const page = this.#pages[hash >>> this.#shift];
    let i = (hash << 1) & mask;
    while (page[i] !== slot + 1) i = (i + 2) & mask;
    closeGap(page, i);
    if (--this.size === 0) this.#close();
    else if (--page[countAt] < fewestEntries && page[depthAt] > 1) this.#join(hash);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Bytes that so many more entries would take, at most about. */
  bytesFor(entries: number): number {
    const pages = Math.max(2, Math.ceil(((this.size + entries) * 2.2) / pageEntries));
    return this.#memory.bytesFor(Math.max(0, pages - this.#memory.size));
  }

  #open(depth: number): Int32Array {
    const page = this.#memory.take().fill(0);
    page[depthAt] = depth;
    return page;
  }

  #close(): void {
    for (const page of new Set(this.#pages)) this.#memory.giveBack(page);
    this.#pages = [];
    this.#shift = 31;
  }

  /** The page of `hash` keeps the entries whose next bit is 0; a new one gets those with 1. */
  #split(hash: number): void {
    const page = this.#pages[hash >>> this.#shift];
    const depth = page[depthAt];
    if (depth === 32 - this.#shift)
      this.#setDirectory(
        this.#pages.flatMap((each) => [each, each]),
        this.#shift - 1,
      );
    const moving = this.#open(depth + 1);
    scratch.set(page);
    page.fill(0);
    page[depthAt] = depth + 1;
    for (let i = 0; i < entryWords; i += 2) {
      if (scratch[i] === 0) continue;
      const to = (scratch[i + 1] >>> (31 - depth)) & 1 ? moving : page;
      place(to, scratch[i], scratch[i + 1]);
      to[countAt]++;
    }
    const half = 1 << (31 - depth - this.#shift);
    const from = ((hash >>> this.#shift) & -(half * 2)) + half;
    this.#pages.fill(moving, from, from + half);
  }

  /** The page of `hash` and the one that it was split from become one, where that leaves room. */
  #join(hash: number): void {
    const page = this.#pages[hash >>> this.#shift];
    const depth = page[depthAt];
    const span = 1 << (32 - depth - this.#shift);
    const from = (hash >>> this.#shift) & -(span * 2);
    const [low, high] = [this.#pages[from], this.#pages[from + span]];
    if (low[depthAt] !== high[depthAt] || low[countAt] + high[countAt] > fewestEntries) return;
    for (let i = 0; i < entryWords; i += 2) if (high[i] !== 0) place(low, high[i], high[i + 1]);
    low[countAt] += high[countAt];
    low[depthAt] = depth - 1;
    this.#pages.fill(low, from, from + span * 2);
    this.#memory.giveBack(high);
    const bits = 32 - this.#shift;
    if (depth < bits || bits === 1 || this.#pages.some((each) => each[depthAt] === bits)) return;
    this.#setDirectory(
      this.#pages.filter((_, i) => i % 2 === 0),
      this.#shift + 1,
    );
  }

  #setDirectory(pages: Int32Array[], shift: number): void {
    this.#pages = pages;
    this.#shift = shift;
  }

  #hashOf(slot: number): number {
    const words = this.#records.page(slot);
    const at = this.#records.at(slot);
    return this.#hash.of(words[at], words[at + 1], words[at + 2], words[at + 3]);
  }
}

/** Of the page that is being split. */
const scratch = new Int32Array(entryWords + 2);

function place(entries: Int32Array, slotPlusOne: number, hash: number): void {
  let i = (hash << 1) & mask;
  while (entries[i] !== 0) i = (i + 2) & mask;
  entries[i] = slotPlusOne;
  entries[i + 1] = hash;
}

/** Knuth, TAOCP 3, 6.4, algorithm R: move back every entry that the hole would cut off from its home. */
function closeGap(entries: Int32Array, hole: number): void {
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
