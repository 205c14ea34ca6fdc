import { kind } from './kind.ts';
import { allOf, compileEach, subPolicies } from './sub-policies.ts';

export const drop = kind({
  type: 'drop',
  says: 'drops traces that all of the policies inside would keep, whatever other policies say',
  parameters: { drop_sub_policy: subPolicies('the policies') },
  drops: true,
  outermost: true,
  compile: ({ drop_sub_policy: inside }, context) => allOf(compileEach(inside, 'drop_sub_policy', context)),
});
