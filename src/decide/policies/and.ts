import type { SpanPredicate, TracePredicate } from '../../model/predicates.ts';
import type { Problem } from '../../model/rules.ts';
import { faultsOf } from '../failing.ts';
import { kind, type SubPolicy } from './kind.ts';
import { bool, optional } from './parameters.ts';
import { allOf, compileEach, subPolicies } from './sub-policies.ts';

export const and = kind({
  type: 'and',
  says: 'traces that all of the policies inside would keep, each perhaps for another span',
  parameters: {
    and_sub_policy: subPolicies('the policies'),
    same_span: optional(bool('one span must be what all of them ask for (not in the Collector)'), false),
  },
  compile: ({ and_sub_policy: inside, same_span: sameSpan }, context) => {
    const subs = compileEach(inside, 'and_sub_policy', context);
    // Where one has problems, those are told, and nothing is compiled.
    return sameSpan && subs.length === inside.length ? onOneSpan(subs) : allOf(subs);
  },
});

function onOneSpan(subs: readonly SubPolicy[]): TracePredicate | readonly Problem[] {
  const of = subs.map(({ when }) => askedOfSpan(when));
  const problems = subs.flatMap(({ type }, index): Problem[] => {
    const message = `${type} says something of the whole trace: not possible with same_span`;
    return of[index] ? [] : [{ path: ['and_sub_policy', index], message }];
  });
  if (problems.length > 0) return problems;
  const faults = subs.flatMap(({ when }) => faultsOf(when));
  return { op: 'any', span: { op: 'and', of: of as SpanPredicate[] }, ...(faults.length > 0 && { faults }) };
}

/** What is asked of some span of the trace, asked of one; undefined where it is not asked of spans alone. */
function askedOfSpan(when: TracePredicate): SpanPredicate | undefined {
  if (when.op === 'any') return when.span;
  if (when.op === 'not') {
    const of = askedOfSpan(when.of);
    return of && { op: 'not', of };
  }
  if (when.op !== 'and' && when.op !== 'or') return undefined;
  const of = when.of.map(askedOfSpan);
  return of.every((each) => each !== undefined) ? { op: when.op, of } : undefined;
}
