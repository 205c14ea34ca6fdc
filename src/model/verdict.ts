import type { SpanConditions } from './conditions.ts';
import type { Destinations } from './destinations.ts';
import type { Inclusion } from './inclusion.ts';
import type { FaultTest, SpanPredicate, TraceFacts, TracePredicate, TraceTest } from './predicates.ts';

/** What a policy says of a trace. `keep` counts with the policy's threshold; `drop` beats every keep. */
export const Vote = { abstain: 0, keep: 1, drop: 2 } as const;
export type Vote = (typeof Vote)[keyof typeof Vote];

interface Named {
  readonly name: string;
  /** The inclusion threshold of its keep votes: 0 = always; see model/threshold.ts. */
  readonly thresholdHigh: number;
  readonly thresholdLow: number;
}

/** Keeps traces of which some span set one of these bits, by their numbers; its threshold is 0. */
export type BitsPolicy = Named & { readonly bits: readonly number[] };
/** Keeps traces whose randomness reaches its threshold. */
export type SharePolicy = Named & { readonly share: true };
/** Says for itself: asked once about every trace. Its threshold is that of the vote that it gave last. */
export type AskedPolicy = Named & {
  vote(facts: TraceFacts): Vote;
  readonly drops?: boolean;
  /** Being asked leaves its mark: it takes tokens, or counts what it has seen. */
  readonly isStateful?: boolean;
  /** Where it may vote by chance: the chance, after either vote. */
  readonly chance?: VoteChance;
};

export interface VoteChance {
  /** `source` of its luck: see decide/chances.ts. */
  readonly test: TraceTest & { readonly source: number; readonly isUpper: boolean; readonly until: number };
  readonly drops: boolean;
  /** It asks a limiter. */
  readonly limits: boolean;
}

/** One policy, compiled. The first two forms are numbers, so that a hundred of them cost what one does. */
export type Policy = BitsPolicy | SharePolicy | AskedPolicy;

/** The most policies a set may have: so many votes are remembered of a decision. */
export const maxPolicies = 128;
/** A set of votes in Int32 words: policy i is bit `i & 31` of word `i >>> 5`. */
export const voteWords = maxPolicies / 32;

/**
 * A policy set by what its votes depend on: a decision reads rows of `voteWords` words instead of asking every policy.
 */
export interface VoteTable {
  /** Every bit that some policy keeps on, in words. */
  readonly bits: Int32Array;
  /** Row n: who keeps a trace with bit n. */
  readonly byBit: Int32Array;
  /** Thresholds of the shares, rising; of equal ones the first policy's first. */
  readonly sharesHigh: Uint32Array;
  readonly sharesLow: Uint32Array;
  /** Row n: who keeps a trace whose randomness reaches the first n thresholds. */
  readonly byReached: Int32Array;
  /** Whose the first threshold is; -1 where there are no shares. */
  readonly largestShare: number;
  /** In the order in which they are asked: first those that drop, so that what they drop takes from no limiter. */
  readonly asked: readonly { readonly index: number; readonly policy: AskedPolicy }[];
  /** Of those of them that may vote by chance. */
  readonly chances: readonly VoteChance[];
  /** A limiter drops, too. */
  readonly dropsByLimit: boolean;
  /** Who never votes by chance, as a set of votes. */
  readonly certain: Int32Array;
}

/** A policy as it was lowered. */
interface SaidPolicy {
  readonly name: string;
  readonly when: TracePredicate;
  readonly drops: boolean;
  /** A late span that is as it asks brings its trace back. */
  readonly rescues?: boolean;
}

/** Of a policy that a span makes keep its trace: what is asked of it, and the bits of which it sets one. */
export interface WitnessTest {
  readonly span: SpanPredicate;
  readonly bits: Int32Array;
  /** The longest span is one, where any is. */
  readonly isOfLongest: boolean;
}

/** Policies that vote together. */
export interface Ballot {
  readonly policies: readonly Policy[];
  readonly votes: VoteTable;
  /** What each of them says, as it was lowered: for whoever explains a vote. */
  readonly said: readonly SaidPolicy[];
  /** Of each of them, which spans made it keep its trace. */
  readonly witnesses: readonly (WitnessTest | undefined)[];
}

/** Which late spans bring back a trace that was dropped. */
interface Rescues {
  /** Those with status ERROR. */
  readonly errors: boolean;
  /** Those that set one of these bits, in words; empty where no policy rescues. */
  readonly bits: Int32Array;
}

/** A condition of a policy, or of a shadow policy, that may have no value of some spans. */
export interface WatchedCondition {
  readonly policy: string;
  readonly test: FaultTest;
}

/** Rules, compiled: exchanged whole, and changed by nobody but for what policies with a state remember. */
export interface PolicySet extends Ballot {
  /** Policies that vote, and are counted, and decide nothing. */
  readonly shadow: Ballot;
  readonly rescues: Rescues;
  readonly watched: readonly WatchedCondition[];
  /** Absent: every kept trace goes to every exporter. */
  readonly destinations?: Destinations;
  readonly conditions: SpanConditions;
  readonly debug: boolean;
}

/** In place of a policy: it would have been kept, had there not been too much to keep. */
export const byOverload = 254;

/** The outcome of a decision. One object is reused for all traces. */
export interface Verdict extends Inclusion {
  keep: boolean;
  /** Index of the winning policy; -1 where none kept and none dropped, or `byOverload`. */
  policy: number;
  /** Where luck decided: the randomness that stands for it, see model/stamp.ts; -1 = none. */
  randomnessHigh: number;
  randomnessLow: number;
  /** The trace's explicit randomness contradicts the threshold. */
  erasesThreshold: boolean;
  /** Where the trace goes if it is kept, now or later: a set of exporters. */
  exporters: number;
  /** Who voted so, in `voteWords` words. */
  readonly keepVotes: Int32Array;
  readonly dropVotes: Int32Array;
  /** The same of shadow policies. */
  readonly shadowKeepVotes: Int32Array;
  readonly shadowDropVotes: Int32Array;
}
