import { kind } from './kind.ts';
import { anything } from './parameters.ts';

export const not = kind({
  type: 'not',
  says: 'traces that the policy inside would not keep',
  parameters: { not_sub_policy: anything('the policy', 'a policy') },
  compile: ({ not_sub_policy: inside }, { sub }) => {
    const compiled = sub(inside, ['not_sub_policy']);
    return compiled ? { op: 'not', of: compiled.when } : [];
  },
});
