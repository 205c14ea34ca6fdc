import type { AggregateStage, Value } from './ast.ts';
import type { Read, SpanFields } from './predicate.ts';
import { holds, isNumeric } from './values.ts';

interface Aggregating {
  readonly read: Read | undefined;
  readonly isDuration: boolean;
  /** Whether the step is over with a span. */
  readonly isStep: (span: SpanFields) => boolean;
}

/** What an aggregate makes of some spans: of all numbers that they have; nil where none has one. */
export function* aggregated(
  stage: AggregateStage,
  { read, isDuration, isStep }: Aggregating,
  spans: readonly SpanFields[],
): Generator<undefined, Value> {
  if (read === undefined) return BigInt(spans.length);
  let count = 0;
  let result: number | bigint = 0n;
  for (const span of spans) {
    const value = read(span);
    for (const each of Array.isArray(value) ? value : [value]) {
      if (isNumeric(each)) result = count++ === 0 ? each : folded(stage.function, result, each);
    }
    if (isStep(span)) yield;
  }
  if (count === 0) return undefined;
  if (stage.function !== 'avg') return result;
  const mean = Number(result) / count;
  return isDuration ? Math.trunc(mean) : mean;
}

function folded(name: AggregateStage['function'], result: number | bigint, value: number | bigint): number | bigint {
  if (name === 'min') return holds('<', value, result) ? value : result;
  if (name === 'max') return holds('>', value, result) ? value : result;
  if (typeof result === 'bigint' && typeof value === 'bigint') return BigInt.asIntN(64, result + value);
  return Number(result) + Number(value);
}

/** Two values have the same where `by` puts them together: of one type, and equal. */
export function groupKey(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(groupKey).join()}]`;
  if (typeof value === 'object') return `${(value as { of: string }).of} ${(value as { name: string }).name}`;
  return typeof value === 'string' ? JSON.stringify(value) : `${typeof value} ${String(value)}`;
}
