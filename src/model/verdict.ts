import type { SpanConditions } from './conditions.ts';

/** What a policy says of a trace. `keep` counts with the policy's threshold; `drop` beats every keep. */
export const Vote = { abstain: 0, keep: 1, drop: 2 } as const;
export type Vote = (typeof Vote)[keyof typeof Vote];

/** What a decision may look at. One object is reused for all traces. */
export interface TraceFacts {
  /** Which conditions held on any of its spans, see model/conditions.ts. */
  bits: number;
  /** The trace's 56 bits of randomness: `rv` where a span carries it, else the last 7 bytes of the trace id. */
  randomnessHigh: number;
  randomnessLow: number;
  spans: number;
  bytes: number;
}

/** One policy, compiled. */
export interface Policy {
  readonly name: string;
  vote(facts: TraceFacts): Vote;
  /** The inclusion threshold of its keep votes: 0 = always; see model/threshold.ts. */
  readonly thresholdHigh: number;
  readonly thresholdLow: number;
}

/** Rules, compiled: immutable, and exchanged whole. */
export interface PolicySet {
  readonly policies: readonly Policy[];
  readonly conditions: SpanConditions;
  readonly debug: boolean;
}

/** The outcome of a decision. One object is reused for all traces. */
export interface Verdict {
  keep: boolean;
  /** Index of the winning policy; -1 where none kept and none dropped. */
  policy: number;
  thresholdHigh: number;
  thresholdLow: number;
  /** Bit i: policy i voted so. */
  keepVotes: number;
  dropVotes: number;
}
