import type { TraceFacts, TracePredicate, TraceTest } from '../../model/predicates.ts';
import { Limiter, limiterWords } from '../rates/limiter.ts';

interface Limit {
  /** Tokens a second, and those that the bucket holds. */
  readonly rate: number;
  readonly burst: number;
  /** Up to which traces count as of the smallest size. */
  readonly smallest: number;
  /** The tokens that a trace takes. */
  size(facts: TraceFacts): number;
}

/** Traces that one bucket lets pass, the same for all shards. */
export function limited(identity: string, { rate, burst, smallest, size }: Limit): TracePredicate {
  return {
    op: 'stateful',
    asked: identity,
    open: (state): TraceTest => {
      const limiter = new Limiter(state.shared(identity, limiterWords), rate, burst, smallest);
      return {
        thresholdHigh: 0,
        thresholdLow: 0,
        luck: 1,
        limits: true,
        ask(facts) {
          const passed = limiter.ask(0, size(facts), facts.now);
          this.luck = passed ? 1 : 0;
          return passed;
        },
      };
    },
  };
}
