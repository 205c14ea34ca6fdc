import { voteWords } from '../model/verdict.ts';
import type { Blocks } from '../tables/blocks.ts';
import { SidePages } from '../tables/side-pages.ts';
import { hasVote } from './vote-table.ts';

/** Votes that few rules have, beyond those that the records of decisions hold. */
export class VoteColumns {
  readonly #firstWord: number;
  readonly #words: number;
  readonly #pages: SidePages;

  /** Of policies from 32 × `firstWord` on. */
  constructor(firstWord: number, blocks: Blocks) {
    this.#firstWord = firstWord;
    this.#words = voteWords - firstWord;
    this.#pages = new SidePages(2 * this.#words, 0, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#pages.bytes;
  }

  /** The votes of one kind and the other, in words of 32 policies. */
  remember(slot: number, keep: Int32Array, drop: Int32Array): void {
    if (this.#pages.page(slot) === undefined && this.#isNone(keep, drop)) return;
    const words = this.#pages.open(slot);
    const at = this.#pages.at(slot);
    for (let word = 0; word < this.#words; word++) {
      words[at + word] = keep[this.#firstWord + word];
      words[at + this.#words + word] = drop[this.#firstWord + word];
    }
  }

  /** Did policy `index`, one of these, vote for this? */
  has(slot: number, kind: 'keep' | 'drop', index: number): boolean {
    const words = this.#pages.page(slot);
    if (words === undefined) return false;
    const at = this.#pages.at(slot) + (kind === 'keep' ? 0 : this.#words);
    return hasVote(words, at, index - 32 * this.#firstWord);
  }

  #isNone(keep: Int32Array, drop: Int32Array): boolean {
    let some = 0;
    for (let word = this.#firstWord; word < voteWords; word++) some |= keep[word] | drop[word];
    return some === 0;
  }
}
