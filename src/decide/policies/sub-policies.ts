import type { TracePredicate } from '../../model/predicates.ts';
import type { KindContext, SubPolicy } from './kind.ts';
import type { Parameter } from './parameters.ts';

/** A list of policies inside of another one. */
export const subPolicies = (says: string): Parameter<readonly unknown[]> => ({
  says,
  expected: 'a list of at least one policy',
  read: (value) => (Array.isArray(value) && value.length > 0 ? value : undefined),
});

/** Those of a list that are without problems; what is wrong with the others, `sub` tells. */
export const compileEach = (list: readonly unknown[], key: string, { sub }: KindContext): SubPolicy[] =>
  list.map((each, index) => sub(each, [key, index])).filter((each) => each !== undefined);

/** All of them hold, each perhaps for another span. */
export const allOf = (subs: readonly SubPolicy[]): TracePredicate =>
  subs.length === 1 ? subs[0]!.when : { op: 'and', of: subs.map(({ when }) => when) };
