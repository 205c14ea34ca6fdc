import type { TracePredicate } from '../../model/predicates.ts';
import type { Problem } from '../../model/rules.ts';
import { maxPolicies } from '../../model/verdict.ts';
import { closest } from '../../units.ts';
import { failsOf } from '../failing.ts';
import { Limiter, limiterWords } from '../rates/limiter.ts';
import { TokenBucket } from '../rates/token-bucket.ts';
import { kind, type SubPolicy } from './kind.ts';
import { limiting } from './limited.ts';
import { anything, number, optional, strings } from './parameters.ts';
import { per, sharedBy, type Whose } from './per.ts';

/**
 * Sub-policies in order, each with its part of the spans a second that all of them may have. The first one that keeps a
 * trace decides by its budget: where that is spent, the trace is not kept, and no other is tried. Unlike the Collector's,
 * which compares the total with one sub-policy's count, the total holds for their sum; `policy_order` counts; and a
 * sub-policy that no allocation names has an equal part, as one with 0 per cent has, instead of nothing. Budgets are
 * buckets of one second instead of counts that start anew with each second, which let through as much at most. They are no
 * more than a list may have: what chance makes of them is reckoned for each trace.
 */
export const composite = kind({
  type: 'composite',
  says: 'what the first of its sub-policies keeps, as long as that one has spans left of its part of the total',
  parameters: {
    max_total_spans_per_second: number('spans a second that all of them may keep together', 1e-3, 1e9),
    policy_order: optional(strings('names of sub-policies, the first first; the others follow in their order', 0), []),
    composite_sub_policy: anything('policies, 128 at most', 'a list of policies'),
    rate_allocation: optional(
      anything('parts in per cent of the total; who has none or 0 has an equal part', 'a list of { policy, percent }'),
      [],
    ),
    per,
  },
  compile(values, { identity, sub }) {
    const { max_total_spans_per_second: total, policy_order: order } = values;
    const documents = values.composite_sub_policy;
    if (!Array.isArray(documents) || documents.length === 0)
      return [{ path: ['composite_sub_policy'], message: 'expected a list of at least one policy' }];
    if (documents.length > maxPolicies)
      return [
        { path: ['composite_sub_policy'], message: `${documents.length} policies: expected at most ${maxPolicies}` },
      ];
    const problems: Problem[] = [];
    const compiled = documents.map((document, i) => sub(document, ['composite_sub_policy', i]));
    const subs = compiled.filter((each): each is SubPolicy => each !== undefined);
    if (subs.length < documents.length) return problems;
    const names = subs.map(({ name }) => name);
    names.forEach((name, i) => {
      if (names.indexOf(name) < i)
        problems.push({ path: ['composite_sub_policy', i, 'name'], message: `'${name}' is another sub-policy's name` });
    });
    order.forEach((name, i) => {
      if (!names.includes(name)) problems.push({ path: ['policy_order', i], message: unknownName(name, names) });
    });
    const percents = readAllocations(values.rate_allocation, names, problems);
    if (problems.length > 0) return problems;
    const inOrder = [...new Set([...order, ...names])].map((name) => subs[names.indexOf(name)]!);
    const rateOf = (name: string): number => (total * (percents.get(name) || 100 / names.length)) / 100;
    return {
      op: 'first',
      of: inOrder.flatMap(({ name, when }) => {
        const fails = failsOf(when);
        const decides = budget(identity, name, { rate: rateOf(name), total, per: values.per });
        // As in the Collector, where none is tried behind one that fails.
        return [...(fails ? [{ when: fails, decides: never }] : []), { when, decides }];
      }),
    };
  },
});

const never: TracePredicate = { op: 'never' };

interface Budget {
  readonly rate: number;
  readonly total: number;
  readonly per: Whose;
}

/** A sub-policy's budget, with the total behind it: both must have room. */
function budget(identity: string, name: string, { rate, total, per: its }: Budget): TracePredicate {
  const own = `${identity}\n${name}`;
  return {
    op: 'stateful',
    asked: own,
    open: (state) => {
      const members = sharedBy(state, its);
      const limiter = new Limiter(state.shared(own, limiterWords), rate, rate, 1, members);
      const all = new TokenBucket(state.shared(identity, 1), total, total, members);
      return limiting(
        ({ spans, now }) => {
          const hasOwn = limiter.take(0, spans, now);
          const passed = hasOwn && all.take(0, spans, now);
          if (hasOwn && !passed) limiter.giveBack(0, spans);
          limiter.offer(0, spans);
          return passed;
        },
        ({ spans, now }) => limiter.wouldPass(0, spans, now) && all.has(0, spans, now),
      );
    },
  };
}

function readAllocations(value: unknown, names: readonly string[], problems: Problem[]): ReadonlyMap<string, number> {
  const percents = new Map<string, number>();
  if (!Array.isArray(value)) {
    problems.push({ path: ['rate_allocation'], message: 'expected a list of { policy, percent }' });
    return percents;
  }
  value.forEach((each: unknown, i) => {
    const { policy, percent = 0, ...others } = (each ?? {}) as Record<string, unknown>;
    const path = ['rate_allocation', i];
    if (typeof policy !== 'string' || !names.includes(policy))
      problems.push({ path: [...path, 'policy'], message: unknownName(String(policy), names) });
    else if (percents.has(policy))
      problems.push({ path: [...path, 'policy'], message: `a second part for '${policy}'` });
    else if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100))
      problems.push({ path: [...path, 'percent'], message: 'expected a number from 0 to 100' });
    else percents.set(policy, percent);
    for (const key of Object.keys(others))
      problems.push({ path: [...path, key], message: 'unknown key, expected one of policy, percent' });
  });
  return percents;
}

function unknownName(name: string, names: readonly string[]): string {
  const meant = closest(name, names);
  return meant
    ? `no such sub-policy, did you mean ${meant}?`
    : `no such sub-policy, expected one of ${names.join(', ')}`;
}
