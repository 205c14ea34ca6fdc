import type { RulesDocument } from '../../../model/rules.ts';
import { isBlock } from '../../../units.ts';

export type Policy = Readonly<Record<string, unknown>>;

/** Kinds that go by what a trace is alone: neither by luck, nor by a rate, nor by what came before it. */
const certainKinds: ReadonlySet<unknown> = new Set([
  'status_code',
  'string_attribute',
  'numeric_attribute',
  'boolean_attribute',
  'trace_state',
  'trace_flags',
  'span_latency',
  'route',
  'ottl_condition',
  'latency',
  'span_count',
]);

export const not = (name: string, inside: Policy): Policy => ({ name, type: 'not', not: { not_sub_policy: inside } });

/**
 * What a proposed drop says beside what it is about: traces that the rules keep for what they are, errors, slow ones,
 * routes, and what policies name, are what rules are for: not those.
 */
export function unremarkable(rules: Partial<RulesDocument>): Policy[] {
  const { latency_threshold_ms: slowMs, routes, error_status_codes: codes } = rules;
  const failed = [...new Set(['ERROR', ...(codes ?? [])])];
  const errors = { name: 'errors', type: 'status_code', status_code: { status_codes: failed } };
  const slow = { name: 'slow', type: 'span_latency', span_latency: { threshold_ms: slowMs } };
  const wanted = { name: 'routes', type: 'route', route: { routes } };
  const named = (rules.policies ?? []).filter(isCertain);
  return [
    not('healthy', errors),
    ...(typeof slowMs === 'number' ? [not('quick', slow)] : []),
    ...(routes?.length ? [not('elsewhere', wanted)] : []),
    ...named.map(({ rescue: _, ...policy }) => not('not named', policy)),
  ];
}

/** Policies that keep every trace: a drop goes before them, whatever it spares. */
export const keepsAll = ({ policies = [] }: Partial<RulesDocument>): readonly string[] =>
  policies.filter(({ type }) => type === 'always_sample').map(({ name }) => name);

function isCertain(policy: unknown): boolean {
  if (!isBlock(policy)) return false;
  const { type, and, not: negated } = policy;
  if (type === 'and') return isBlock(and) && Array.isArray(and.and_sub_policy) && and.and_sub_policy.every(isCertain);
  if (type === 'not') return isBlock(negated) && isCertain(negated.not_sub_policy);
  return certainKinds.has(type);
}
