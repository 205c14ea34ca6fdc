import { hasVote } from '../decide/vote-table.ts';
import type { PolicySet, Verdict } from '../model/verdict.ts';

/** How often shadow policies voted, by their names; they go on counting where later rules have one of the same name. */
export class ShadowCounts {
  readonly #counts = new Map<string, { keep: number; drop: number; abstain: number }>();

  add({ shadow: { policies } }: PolicySet, { shadowKeepVotes, shadowDropVotes }: Verdict): void {
    for (let i = 0; i < policies.length; i++) {
      const counts = this.#of(policies[i].name);
      if (hasVote(shadowKeepVotes, 0, i)) counts.keep++;
      else if (hasVote(shadowDropVotes, 0, i)) counts.drop++;
      else counts.abstain++;
    }
  }

  entries(): { policy: string; vote: 'keep' | 'drop' | 'abstain'; traces: number }[] {
    return [...this.#counts].flatMap(([policy, counts]) =>
      (['keep', 'drop', 'abstain'] as const).map((vote) => ({ policy, vote, traces: counts[vote] })),
    );
  }

  #of(name: string): { keep: number; drop: number; abstain: number } {
    let counts = this.#counts.get(name);
    if (counts === undefined) this.#counts.set(name, (counts = { keep: 0, drop: 0, abstain: 0 }));
    return counts;
  }
}
