import type { Verdict } from '../model/verdict.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import { pageRows } from '../tables/records.ts';

/** Randomness, upper and lower; where luck begins and ends, as 32-bit floats. */
const rowWords = 4;

/** A verdict in which luck had a part, without its threshold. */
type Luck = Pick<Verdict, 'randomnessHigh' | 'randomnessLow' | 'luckFrom' | 'luckTo'>;

/**
 * What late spans need of verdicts in which luck had a part. Most rules know no luck, so these words stand beside the
 * records of decisions, under the same slots, in pages that are made when the first such verdict is remembered.
 */
export class RememberedLuck {
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;
  readonly #floats = new Float32Array(2);
  readonly #bits = new Int32Array(this.#floats.buffer);

  constructor(blocks: Blocks) {
    this.#memory = new Pages(pageRows * rowWords, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  remember(slot: number, { randomnessHigh, randomnessLow, luckFrom, luckTo }: Luck): void {
    const words = (this.#pages[Math.floor(slot / pageRows)] ??= this.#memory.take());
    const at = (slot % pageRows) * rowWords;
    this.#floats[0] = luckFrom;
    this.#floats[1] = luckTo;
    words[at] = randomnessHigh;
    words[at + 1] = randomnessLow;
    words[at + 2] = this.#bits[0];
    words[at + 3] = this.#bits[1];
  }

  /** Of a slot that has been remembered here. */
  recall(slot: number, into: Luck): void {
    const words = this.#pages[Math.floor(slot / pageRows)]!;
    const at = (slot % pageRows) * rowWords;
    this.#bits[0] = words[at + 2];
    this.#bits[1] = words[at + 3];
    into.randomnessHigh = words[at];
    into.randomnessLow = words[at + 1] >>> 0;
    into.luckFrom = this.#floats[0];
    into.luckTo = this.#floats[1];
  }
}
