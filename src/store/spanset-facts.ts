import type { Value } from '../traceql/ast.ts';
import { durationText } from '../traceql/duration.ts';
import type { SpansetFact } from '../traceql/evaluate.ts';

/** What a stage said of a spanset, as a KeyValue in the JSON of gogo's jsonpb. */
export const factJson = ({ text, value, isDuration }: SpansetFact): object => ({
  key: text,
  value:
    isDuration && typeof value === 'number' ? { stringValue: durationText(Math.trunc(value)) } : anyValueJson(value),
});

function anyValueJson(value: Value): object {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'bigint':
      return { intValue: String(value) };
    case 'number':
      return { doubleValue: Number.isFinite(value) ? value : String(value) };
    case 'undefined':
      return { stringValue: 'nil' };
    default:
      return Array.isArray(value)
        ? { arrayValue: { values: value.map(anyValueJson) } }
        : { stringValue: (value as { name: string }).name };
  }
}
