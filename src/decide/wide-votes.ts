import { type Verdict, voteWords } from '../model/verdict.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import { pageRows } from '../tables/records.ts';
import { hasVote } from './vote-table.ts';

/** Of each kind, beyond the first word. */
const moreWords = voteWords - 1;
const rowWords = 2 * moreWords;

/**
 * The votes of policies beyond the first 32. Few rules have so many, so these words stand beside the records of
 * decisions, under the same slots, in pages that are made when the first such vote is remembered.
 */
export class WideVotes {
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;

  constructor(blocks: Blocks) {
    this.#memory = new Pages(pageRows * rowWords, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  remember(slot: number, { keepVotes, dropVotes }: Verdict): void {
    const page = Math.floor(slot / pageRows);
    if (this.#pages[page] === undefined && isNone(keepVotes) && isNone(dropVotes)) return;
    const words = (this.#pages[page] ??= this.#memory.take().fill(0));
    const at = (slot % pageRows) * rowWords;
    for (let word = 0; word < moreWords; word++) {
      words[at + word] = keepVotes[word + 1];
      words[at + moreWords + word] = dropVotes[word + 1];
    }
  }

  /** Did policy `index`, 32 or more, vote for this? */
  has(slot: number, kind: 'keep' | 'drop', index: number): boolean {
    const words = this.#pages[Math.floor(slot / pageRows)];
    if (words === undefined) return false;
    const at = (slot % pageRows) * rowWords + (kind === 'keep' ? 0 : moreWords);
    return hasVote(words, at, index - 32);
  }
}

function isNone(votes: Int32Array): boolean {
  for (let word = 1; word < voteWords; word++) if (votes[word] !== 0) return false;
  return true;
}
