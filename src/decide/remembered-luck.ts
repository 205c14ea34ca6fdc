import type { Verdict } from '../model/verdict.ts';
import type { Blocks } from '../tables/blocks.ts';
import { SidePages } from '../tables/side-pages.ts';

/** Randomness, upper and lower; where luck begins and ends, as 32-bit floats. */
const rowWords = 4;

/** A verdict in which luck had a part, without its threshold. */
type Luck = Pick<Verdict, 'randomnessHigh' | 'randomnessLow' | 'luckFrom' | 'luckTo'>;

/** What late spans need of verdicts in which luck had a part; most rules know no luck. */
export class RememberedLuck {
  readonly #pages: SidePages;
  readonly #floats = new Float32Array(2);
  readonly #bits = new Int32Array(this.#floats.buffer);

  constructor(blocks: Blocks) {
    this.#pages = new SidePages(rowWords, 0, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#pages.bytes;
  }

  remember(slot: number, { randomnessHigh, randomnessLow, luckFrom, luckTo }: Luck): void {
    const words = this.#pages.open(slot);
    const at = this.#pages.at(slot);
    this.#floats[0] = luckFrom;
    this.#floats[1] = luckTo;
    words[at] = randomnessHigh;
    words[at + 1] = randomnessLow;
    words[at + 2] = this.#bits[0];
    words[at + 3] = this.#bits[1];
  }

  /** Of a slot that has been remembered here. */
  recall(slot: number, into: Luck): void {
    const words = this.#pages.page(slot)!;
    const at = this.#pages.at(slot);
    this.#bits[0] = words[at + 2];
    this.#bits[1] = words[at + 3];
    into.randomnessHigh = words[at];
    into.randomnessLow = words[at + 1] >>> 0;
    into.luckFrom = this.#floats[0];
    into.luckTo = this.#floats[1];
  }
}
