import type { TraceFacts, TracePredicate, TraceTest } from '../../model/predicates.ts';
import { Limiter, limiterWords } from '../rates/limiter.ts';
import { sharedBy, type Whose } from './per.ts';

interface Limit {
  /** Tokens a second, and those that the bucket holds. */
  readonly rate: number;
  readonly burst: number;
  /** Up to which traces count as of the smallest size. */
  readonly smallest: number;
  readonly per: Whose;
  /** The tokens that a trace takes. */
  size(facts: TraceFacts): number;
}

/** Traces that one bucket lets pass, the same for all shards. */
export function limited(identity: string, { rate, burst, smallest, per, size }: Limit): TracePredicate {
  return {
    op: 'stateful',
    asked: identity,
    open: (state) => {
      const limiter = new Limiter(state.shared(identity, limiterWords), rate, burst, smallest, sharedBy(state, per));
      return limiting(
        (facts) => limiter.ask(0, size(facts), facts.now),
        (facts) => limiter.wouldPass(0, size(facts), facts.now),
      );
    },
  };
}

/** A test of a limiter: given what came before, a trace's chance is 1 or 0, as it answers. */
export const limiting = (
  passes: (facts: TraceFacts) => boolean,
  wouldPass: (facts: TraceFacts) => boolean,
): TraceTest => ({
  thresholdHigh: 0,
  thresholdLow: 0,
  luck: 0,
  limits: true,
  ask(facts) {
    const passed = passes(facts);
    this.luck = passed ? 1 : 0;
    return passed;
  },
  peek(facts) {
    this.luck = wouldPass(facts) ? 1 : 0;
  },
});
