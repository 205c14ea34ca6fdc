import { voteWords } from '../model/verdict.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import { pageRows } from '../tables/records.ts';
import { hasVote } from './vote-table.ts';

/**
 * Votes that few rules have, beyond those that the records of decisions hold: they stand beside the records, under the
 * same slots, in pages that are made when the first such vote is remembered.
 */
export class VoteColumns {
  readonly #firstWord: number;
  readonly #words: number;
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;

  /** Of policies from 32 × `firstWord` on. */
  constructor(firstWord: number, blocks: Blocks) {
    this.#firstWord = firstWord;
    this.#words = voteWords - firstWord;
    this.#memory = new Pages(pageRows * 2 * this.#words, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** The votes of one kind and the other, in words of 32 policies. */
  remember(slot: number, keep: Int32Array, drop: Int32Array): void {
    if (this.#memory.size === 0 && this.#isNone(keep, drop)) return;
    const page = Math.floor(slot / pageRows);
    if (this.#pages[page] === undefined && this.#isNone(keep, drop)) return;
    const words = (this.#pages[page] ??= this.#memory.take().fill(0));
    const at = (slot % pageRows) * 2 * this.#words;
    for (let word = 0; word < this.#words; word++) {
      words[at + word] = keep[this.#firstWord + word];
      words[at + this.#words + word] = drop[this.#firstWord + word];
    }
  }

  /** Did policy `index`, one of these, vote for this? */
  has(slot: number, kind: 'keep' | 'drop', index: number): boolean {
    const words = this.#pages[Math.floor(slot / pageRows)];
    if (words === undefined) return false;
    const at = (slot % pageRows) * 2 * this.#words + (kind === 'keep' ? 0 : this.#words);
    return hasVote(words, at, index - 32 * this.#firstWord);
  }

  #isNone(keep: Int32Array, drop: Int32Array): boolean {
    let some = 0;
    for (let word = this.#firstWord; word < voteWords; word++) some |= keep[word] | drop[word];
    return some === 0;
  }
}
