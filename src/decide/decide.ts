import { type PolicySet, type TraceFacts, type Verdict, Vote } from '../model/verdict.ts';

export const undecided = (): Verdict => ({
  keep: false,
  policy: -1,
  thresholdHigh: 0,
  thresholdLow: 0,
  keepVotes: 0,
  dropVotes: 0,
});

/**
 * Judges a trace: any drop vote wins; else any keep; else dropped. Of several keeping policies the one with the smallest threshold
 * (the greatest chance of inclusion) wins, then the first in order. Every policy is asked, so that every vote can be explained.
 */
export function decide(set: PolicySet, facts: TraceFacts, verdict: Verdict): void {
  let keeper = -1;
  let dropper = -1;
  let keepVotes = 0;
  let dropVotes = 0;
  const { policies } = set;
  for (let i = 0; i < policies.length; i++) {
    const vote = policies[i].vote(facts);
    if (vote === Vote.keep) {
      keepVotes |= 1 << i;
      if (keeper < 0 || isLower(policies[i], policies[keeper])) keeper = i;
    } else if (vote === Vote.drop) {
      dropVotes |= 1 << i;
      if (dropper < 0) dropper = i;
    }
  }
  verdict.keep = dropper < 0 && keeper >= 0;
  verdict.policy = dropper >= 0 ? dropper : keeper;
  verdict.thresholdHigh = verdict.keep ? policies[keeper].thresholdHigh : 0;
  verdict.thresholdLow = verdict.keep ? policies[keeper].thresholdLow : 0;
  verdict.keepVotes = keepVotes;
  verdict.dropVotes = dropVotes;
}

function isLower(a: PolicySet['policies'][number], b: PolicySet['policies'][number]): boolean {
  return a.thresholdHigh !== b.thresholdHigh ? a.thresholdHigh < b.thresholdHigh : a.thresholdLow < b.thresholdLow;
}
