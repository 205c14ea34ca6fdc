/** A bit for each in every word of a filter: one look at memory, which is rarely in a cache, asks all of them. */
export const generationsPerFilter = 32;
/** With 16 bits a trace, they let 1 in 1,700 that is not there through. */
const probes = 8;
const bitsPerTrace = 16;

/** Which filter a generation is in. */
export const filterOf = (generation: number): number => Math.floor(generation / generationsPerFilter);

/** Bloom filters of generations, each of so many ids: which of them may have an id. */
export class GenerationFilters {
  /** By `filterOf`. */
  readonly #filters = new Map<number, Int32Array>();
  readonly #words: number;

  /** `idsPerGeneration`: a power of two. */
  constructor(idsPerGeneration: number) {
    this.#words = bitsPerTrace * idsPerGeneration;
  }

  /** Lets the filters go that have none of these generations. */
  keep(first: number, last: number): void {
    for (const number of this.#filters.keys())
      if (number < filterOf(first) || number > filterOf(last)) this.#filters.delete(number);
  }

  add(generation: number, hash: number): void {
    const number = filterOf(generation);
    let filter = this.#filters.get(number);
    if (filter === undefined) this.#filters.set(number, (filter = new Int32Array(this.#words)));
    const bit = 1 << (generation % generationsPerFilter);
    const step = stepOf(hash);
    for (let i = 0, at = hash; i < probes; i++, at += step) filter[at & (this.#words - 1)] |= bit;
  }

  /** A bit for each generation of this filter, from the lowest. */
  mayHave(number: number, hash: number): number {
    const filter = this.#filters.get(number);
    if (filter === undefined) return 0;
    const step = stepOf(hash);
    let bits = -1;
    for (let i = 0, at = hash; i < probes && bits !== 0; i++, at += step) bits &= filter[at & (this.#words - 1)];
    return bits;
  }
}

/** The bits of the hash that do not say where it begins. */
const stepOf = (hash: number): number => (hash >>> 17) | 1;
