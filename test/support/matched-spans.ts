import { type CompiledSpansets, matchSteps, type SpanFields, type Spanset } from '../../src/traceql/evaluate.ts';
import type { NestedSpan } from '../../src/traceql/nested-set.ts';

/** What a query finds among the spans of one trace, all steps in one go. */
export function matchedSets<T extends SpanFields & NestedSpan>(
  compiled: CompiledSpansets,
  spans: readonly T[],
): readonly Spanset<T>[] {
  const steps = matchSteps(compiled, spans);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

export const matchedSpans = <T extends SpanFields & NestedSpan>(compiled: CompiledSpansets, spans: readonly T[]): T[] =>
  matchedSets(compiled, spans).flatMap((set) => set.spans);
