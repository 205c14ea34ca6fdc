import { type Verdict, voteWords } from '../model/verdict.ts';
import { IdIndex } from '../tables/id-index.ts';
import { Records } from '../tables/records.ts';
import { hasVote } from './vote-table.ts';

/** The record of a decided trace, in Int32 words: 92 bytes, of which the votes of up to 128 policies take 32. */
export const Decision = {
  /** Four words. */
  id: 0,
  /** Bits 0–7 policy + 1 (0 = none), 8–10 trigger, 16 keep, 17 complete. */
  flags: 4,
  /** Number of the revision that judged it, see pipeline.ts. */
  revision: 5,
  spans: 6,
  bytes: 7,
  /** Unix ms: upper and lower 32 bits. */
  firstHigh: 8,
  firstLow: 9,
  decidedHigh: 10,
  decidedLow: 11,
  thresholdHigh: 12,
  thresholdLow: 13,
  lateSpans: 14,
  /** `voteWords` words each. */
  keepVotes: 15,
  dropVotes: 15 + voteWords,
} as const;
const decisionWords = Decision.dropVotes + voteWords;

export const keepFlag = 1 << 16;
export const completeFlag = 1 << 17;
export const policyOf = (flags: number): number => (flags & 0xff) - 1;
export const triggerOf = (flags: number): number => (flags >>> 8) & 7;

/** What is remembered of a decision beside the verdict. One object is reused for all traces. */
export interface DecisionFacts {
  trigger: number;
  complete: boolean;
  revision: number;
  spans: number;
  bytes: number;
  /** Unix ms. */
  firstSpanAt: number;
  decidedAt: number;
}

export const unremembered = (): DecisionFacts => ({
  trigger: 0,
  complete: false,
  revision: 0,
  spans: 0,
  bytes: 0,
  firstSpanAt: 0,
  decidedAt: 0,
});

/**
 * The last `limit` verdicts, for late spans and for explain: a ring of records in order of decision, so the oldest is forgotten
 * first, with an index by trace id.
 */
export class Decisions {
  readonly records = new Records(decisionWords);
  readonly #index: IdIndex;
  readonly limit: number;
  /** Slots in order of decision; `#next` is where the next one goes, which is where the oldest is once the ring is full. */
  readonly #ring: Int32Array;
  #next = 0;
  evicted = 0;

  constructor(limit: number, seed: number) {
    this.limit = limit;
    this.#ring = new Int32Array(limit).fill(-1);
    this.#index = new IdIndex(this.records, seed);
  }

  get size(): number {
    return this.records.size;
  }

  /** The slot of a remembered decision, or -1. */
  find(a: number, b: number, c: number, d: number): number {
    return this.#index.find(a, b, c, d);
  }

  /** Remembers the verdict on the trace whose id stands at ids[at … at + 4). The trace must not be remembered already. */
  remember(ids: Int32Array, at: number, verdict: Verdict, facts: DecisionFacts): void {
    if (this.records.size === this.limit) this.#forgetOldest();
    const slot = this.records.allocate();
    const words = this.records.page(slot);
    const to = this.records.at(slot);
    for (let i = 0; i < 4; i++) words[to + i] = ids[at + i];
    words[to + Decision.flags] =
      (verdict.policy + 1) | (facts.trigger << 8) | (verdict.keep ? keepFlag : 0) | (facts.complete ? completeFlag : 0);
    words[to + Decision.revision] = facts.revision;
    words[to + Decision.spans] = facts.spans;
    words[to + Decision.bytes] = facts.bytes;
    setTime(words, to + Decision.firstHigh, facts.firstSpanAt);
    setTime(words, to + Decision.decidedHigh, facts.decidedAt);
    words[to + Decision.thresholdHigh] = verdict.thresholdHigh;
    words[to + Decision.thresholdLow] = verdict.thresholdLow;
    words[to + Decision.lateSpans] = 0;
    for (let word = 0; word < voteWords; word++) {
      words[to + Decision.keepVotes + word] = verdict.keepVotes[word];
      words[to + Decision.dropVotes + word] = verdict.dropVotes[word];
    }
    this.#index.insert(slot);
    this.#ring[this.#next] = slot;
    this.#next = this.#next + 1 === this.limit ? 0 : this.#next + 1;
  }

  #forgetOldest(): void {
    const slot = this.#ring[this.#next];
    this.#index.remove(slot);
    this.records.release(slot);
    this.evicted++;
  }
}

/** How policy `index` voted on the decision whose record starts at words[at]. */
export function voteAt(words: Int32Array, at: number, index: number): 'keep' | 'drop' | 'abstain' {
  if (hasVote(words, at + Decision.keepVotes, index)) return 'keep';
  return hasVote(words, at + Decision.dropVotes, index) ? 'drop' : 'abstain';
}

function setTime(words: Int32Array, at: number, ms: number): void {
  words[at] = Math.floor(ms / 4294967296);
  words[at + 1] = ms | 0;
}

export function timeAt(words: Int32Array, at: number): number {
  return words[at] * 4294967296 + (words[at + 1] >>> 0);
}
