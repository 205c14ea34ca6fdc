import type { TracePredicate } from '../../model/predicates.ts';
import { failsOf } from '../failing.ts';
import { kind } from './kind.ts';
import { anything } from './parameters.ts';

export const not = kind({
  type: 'not',
  says: 'traces that the policy inside would not keep',
  parameters: { not_sub_policy: anything('the policy', 'a policy') },
  compile: ({ not_sub_policy: inside }, { sub }) => {
    const compiled = sub(inside, ['not_sub_policy']);
    return compiled ? inverted(compiled.when) : [];
  },
});

/** Neither the policy nor its opposite keeps what the policy fails on. */
function inverted(when: TracePredicate): TracePredicate {
  const [not, fails]: [TracePredicate, TracePredicate | undefined] = [{ op: 'not', of: when }, failsOf(when)];
  return fails ? { op: 'and', of: [not, { op: 'not', of: fails }], fails } : not;
}
