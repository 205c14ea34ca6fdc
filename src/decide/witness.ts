import type { SpanPredicate, TracePredicate } from '../model/predicates.ts';
import type { WitnessTest } from '../model/verdict.ts';
import type { ConditionsBuilder } from './conditions.ts';
import { maskOf } from './mask.ts';

/** What a span must be that made a policy keep its trace; undefined where none does. */
export function witnessTest(when: TracePredicate, conditions: ConditionsBuilder): WitnessTest | undefined {
  const span = firstAsked(when);
  if (span === undefined) return undefined;
  const { low, wide } = maskOf(conditions.bitsOf(span));
  const isOfLongest = span.op === 'duration' && span.ns.max === undefined;
  return { span, bits: Int32Array.of(low, ...(wide ?? [])), isOfLongest };
}

/** Of what must hold together, the first that is asked of some span. */
function firstAsked(when: TracePredicate): SpanPredicate | undefined {
  if (when.op === 'any') return when.span;
  if (when.op !== 'and') return undefined;
  return when.of.map(firstAsked).find((span) => span !== undefined);
}
