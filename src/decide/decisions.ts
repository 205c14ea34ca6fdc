import type { Stamp } from '../model/stamp.ts';
import type { Verdict } from '../model/verdict.ts';
import { Blocks } from '../tables/blocks.ts';
import type { IdHash } from '../tables/id-hash.ts';
import { IdIndex } from '../tables/id-index.ts';
import { Records } from '../tables/records.ts';
import { RememberedExporters } from './remembered-exporters.ts';
import { RememberedLuck } from './remembered-luck.ts';
import { VoteColumns } from './vote-columns.ts';
import { hasVote } from './vote-table.ts';

/** The record of a decided trace, in Int32 words: 76 bytes. */
export const Decision = {
  /** Four words. */
  id: 0,
  /**
   * Bits 0–7 policy + 1 (0 = none, 255 = overload), 8–10 trigger, 16 keep, 17 complete, 18–19 brought back, 20 luck,
   * 21 erases.
   */
  flags: 4,
  /** Number of the revision that judged it, see pipeline.ts. */
  revision: 5,
  spans: 6,
  bytes: 7,
  /** Monotonic ms: upper and lower 32 bits. */
  firstHigh: 8,
  firstLow: 9,
  /** From the first span to the decision. */
  waitedMs: 10,
  thresholdHigh: 11,
  thresholdLow: 12,
  lateSpans: 13,
  /** Of the first 32 policies; the others' are in VoteColumns. */
  keepVotes: 14,
  dropVotes: 15,
  /**
   * Why it was so: what its longest span took, and the trace, in ns as tables/float-bits.ts has them; who made the
   * policy keep it, see shard/witnesses.ts.
   */
  longestNs: 16,
  durationNs: 17,
  witness: 18,
} as const;
const decisionWords = 19;
/** What one takes with its place in the ring and in the index. */
export const decisionBytes = 100;

export const keepFlag = 1 << 16;
export const completeFlag = 1 << 17;
/** Luck had a part in it: what more there is stands in RememberedLuck. */
const luckFlag = 1 << 20;
const erasesFlag = 1 << 21;
export const policyOf = (flags: number): number => (flags & 0xff) - 1;
/** How it was brought back, see model/brought-back.ts: the place among the ways + 1; 0 = it was not. */
export const wayOf = (flags: number): number => (flags >>> wayShift) & 3;
const wayShift = 18;
export const triggerOf = (flags: number): number => (flags >>> 8) & 7;

/** What is remembered of a decision beside the verdict. One object is reused for all traces. */
interface DecisionFacts {
  trigger: number;
  complete: boolean;
  revision: number;
  spans: number;
  bytes: number;
  /** Monotonic ms. */
  firstSpanAt: number;
  decidedAt: number;
  /** Words as Decision has them. */
  longestNs: number;
  durationNs: number;
  witness: number;
}

export const unremembered = (): DecisionFacts => ({
  trigger: 0,
  complete: false,
  revision: 0,
  spans: 0,
  bytes: 0,
  firstSpanAt: 0,
  decidedAt: 0,
  longestNs: 0,
  durationNs: 0,
  witness: 0,
});

/**
 * The last `limit` verdicts, for late spans and for explain: a ring of records in order of decision, so the oldest is
 * forgotten first, with an index by trace id.
 */
export class Decisions {
  readonly records: Records;
  readonly #wideVotes: VoteColumns;
  readonly #shadowVotes: VoteColumns;
  readonly #luck: RememberedLuck;
  readonly #exporters: RememberedExporters;
  readonly #index: IdIndex;
  readonly limit: number;
  /**
   * Slots in order of decision; `#next` is where the next one goes, which is where the oldest is once the ring is full.
   */
  readonly #ring: Int32Array;
  #next = 0;
  evicted = 0;
  /** When the last one was made, in monotonic ms. */
  newestAt = Number.NEGATIVE_INFINITY;

  constructor(limit: number, hash: IdHash) {
    this.limit = limit;
    const blocks = new Blocks(limit * decisionBytes);
    this.#ring = new Int32Array(limit).fill(-1);
    this.records = new Records(decisionWords, blocks);
    this.#index = new IdIndex(this.records, hash, blocks);
    this.#wideVotes = new VoteColumns(1, blocks);
    this.#shadowVotes = new VoteColumns(0, blocks);
    this.#luck = new RememberedLuck(blocks);
    this.#exporters = new RememberedExporters(blocks);
  }

  get size(): number {
    return this.records.size;
  }

  /** Bytes held. */
  get bytes(): number {
    const columns = this.#wideVotes.bytes + this.#shadowVotes.bytes + this.#luck.bytes + this.#exporters.bytes;
    return this.records.bytes + this.#index.bytes + columns + this.#ring.byteLength;
  }

  /** The slot of the remembered decision on the trace whose id stands at ids[at … at + 4), or -1. */
  find(ids: Int32Array, at: number): number {
    return this.#index.find(ids, at);
  }

  /**
   * Remembers the verdict on the trace whose id stands at ids[at … at + 4). The trace must not be remembered already.
   */
  remember(ids: Int32Array, at: number, verdict: Verdict, facts: DecisionFacts): void {
    if (this.records.size === this.limit) this.#forgetOldest();
    this.newestAt = facts.decidedAt;
    const slot = this.records.allocate();
    const words = this.records.page(slot);
    const to = this.records.at(slot);
    for (let i = 0; i < 4; i++) words[to + i] = ids[at + i];
    words[to + Decision.flags] =
      (verdict.policy + 1) | (facts.trigger << 8) | (verdict.keep ? keepFlag : 0) | (facts.complete ? completeFlag : 0);
    words[to + Decision.revision] = facts.revision;
    words[to + Decision.spans] = facts.spans;
    words[to + Decision.bytes] = facts.bytes;
    words[to + Decision.firstHigh] = Math.floor(facts.firstSpanAt / 4294967296);
    words[to + Decision.firstLow] = facts.firstSpanAt | 0;
    words[to + Decision.waitedMs] = facts.decidedAt - facts.firstSpanAt;
    words[to + Decision.thresholdHigh] = verdict.thresholdHigh;
    words[to + Decision.thresholdLow] = verdict.thresholdLow;
    words[to + Decision.lateSpans] = 0;
    words[to + Decision.keepVotes] = verdict.keepVotes[0];
    words[to + Decision.dropVotes] = verdict.dropVotes[0];
    words[to + Decision.longestNs] = facts.longestNs;
    words[to + Decision.durationNs] = facts.durationNs;
    words[to + Decision.witness] = facts.witness;
    this.#wideVotes.remember(slot, verdict.keepVotes, verdict.dropVotes);
    this.#shadowVotes.remember(slot, verdict.shadowKeepVotes, verdict.shadowDropVotes);
    if (verdict.luckTo > 0) {
      words[to + Decision.flags] |= luckFlag | (verdict.erasesThreshold ? erasesFlag : 0);
      this.#luck.remember(slot, verdict);
    }
    this.#exporters.remember(slot, verdict.exporters);
    this.#index.insert(slot);
    this.#ring[this.#next] = slot;
    this.#next = this.#next + 1 === this.limit ? 0 : this.#next + 1;
  }

  flagsAt(slot: number): number {
    return this.records.page(slot)[this.records.at(slot) + Decision.flags];
  }

  /** The trace was dropped, and is kept after all, with all of its weight; `way`: see wayOf. */
  bringBack(slot: number, way: number): void {
    const words = this.records.page(slot);
    const at = this.records.at(slot);
    words[at + Decision.flags] |= keepFlag | (way << wayShift);
    words[at + Decision.thresholdHigh] = 0;
    words[at + Decision.thresholdLow] = 0;
  }

  /** It is dropped as it was: nothing of it came back. */
  forgoBack(slot: number): void {
    this.records.page(slot)[this.records.at(slot) + Decision.flags] &= ~(keepFlag | (3 << wayShift));
  }

  /** What the decision at a slot writes on the spans that it keeps. */
  recallWeight(slot: number, stamp: Stamp): void {
    const words = this.records.page(slot);
    const at = this.records.at(slot);
    const flags = words[at + Decision.flags];
    stamp.idHigh = words[at + Decision.id + 2] & 0xffffff;
    stamp.idLow = words[at + Decision.id + 3] >>> 0;
    stamp.thresholdHigh = words[at + Decision.thresholdHigh];
    stamp.thresholdLow = words[at + Decision.thresholdLow] >>> 0;
    stamp.erasesThreshold = (flags & erasesFlag) !== 0;
    stamp.luckFrom = stamp.luckTo = stamp.randomnessLow = 0;
    stamp.randomnessHigh = -1;
    stamp.exporters = this.#exporters.at(slot);
    if ((flags & luckFlag) !== 0) this.#luck.recall(slot, stamp);
  }

  /** Where the trace of the decision at a slot goes. */
  exportersAt(slot: number): number {
    return this.#exporters.at(slot);
  }

  /** How policy `index` voted on the decision at a slot. */
  voteAt(slot: number, index: number): 'keep' | 'drop' | 'abstain' {
    if (this.#hasVote(slot, 'keep', index)) return 'keep';
    return this.#hasVote(slot, 'drop', index) ? 'drop' : 'abstain';
  }

  /** The same of a shadow policy. */
  shadowVoteAt(slot: number, index: number): 'keep' | 'drop' | 'abstain' {
    if (this.#shadowVotes.has(slot, 'keep', index)) return 'keep';
    return this.#shadowVotes.has(slot, 'drop', index) ? 'drop' : 'abstain';
  }

  #hasVote(slot: number, kind: 'keep' | 'drop', index: number): boolean {
    if (index >= 32) return this.#wideVotes.has(slot, kind, index);
    const word = kind === 'keep' ? Decision.keepVotes : Decision.dropVotes;
    return hasVote(this.records.page(slot), this.records.at(slot) + word, index);
  }

  /** The slots there are now, in order of decision. */
  oldestFirst(): Int32Array {
    const ring = this.#ring;
    if (this.records.size < this.limit) return ring.slice(0, this.#next);
    const slots = new Int32Array(ring.length);
    slots.set(ring.subarray(this.#next));
    slots.set(ring.subarray(0, this.#next), ring.length - this.#next);
    return slots;
  }

  /** When a decision's first span came, and when it was made, in monotonic ms. */
  timesAt(slot: number): { readonly firstSpanAt: number; readonly decidedAt: number } {
    const words = this.records.page(slot);
    const at = this.records.at(slot);
    const firstSpanAt = words[at + Decision.firstHigh] * 4294967296 + (words[at + Decision.firstLow] >>> 0);
    return { firstSpanAt, decidedAt: firstSpanAt + words[at + Decision.waitedMs] };
  }

  #forgetOldest(): void {
    const slot = this.#ring[this.#next];
    this.#index.remove(slot);
    this.records.release(slot);
    this.evicted++;
  }
}
