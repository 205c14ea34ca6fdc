import type { Encoding } from './answer.ts';

/** Refusals in a row: one span at fault among good ones, looked for in halves, makes two. */
const leastBelieved = 4;
const mostBelieved = 64;

/**
 * In which encodings one destination took something. There a refusal is about what it says it is about, but not any
 * number of them in a row: behind the address may be another server by now, which reads less and calls it bad spans.
 */
export class Proof {
  /** How many refusals in a row are believed, and how many of these are left. */
  readonly #believed = new Map<Encoding, { most: number; left: number }>();

  taken(encoding: Encoding): void {
    this.#believed.set(encoding, { most: leastBelieved, left: leastBelieved });
  }

  /** Whether this refusal may be about the encoding. Counts it. */
  isInDoubt(encoding: Encoding): boolean {
    const believed = this.#believed.get(encoding);
    if (believed === undefined || believed.left === 0) return true;
    believed.left--;
    return false;
  }

  /** What was in doubt is refused in other encodings too: of what was taken before, twice as many are believed now. */
  restore(encodings: Iterable<Encoding>): void {
    for (const encoding of encodings) {
      const believed = this.#believed.get(encoding);
      if (believed) believed.left = believed.most = Math.min(believed.most * 2, mostBelieved);
    }
  }

  withdraw(encoding: Encoding): void {
    this.#believed.delete(encoding);
  }
}
