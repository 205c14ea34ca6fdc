import type { Intrinsic, Value } from '../traceql/ast.ts';
import { durationText } from '../traceql/duration.ts';
import { Reader } from '../wire/reader.ts';
import { readValue } from './any-value.ts';
import type { ShownField } from './shown-fields.ts';
import { type AttributeField, anyValuesOf, elementsOf } from './span-attributes.ts';
import type { SpanView } from './span-view.ts';
import { anyValueJson } from './trace-json.ts';

/**
 * The value of a field in a search's answer, as Tempo's AnyValue in JSON: an attribute as it came, so that 2.0 stays a
 * double; of several events or links the last. Undefined where there is nothing to show: Tempo shows no maps and bytes.
 */
export function shownValue({ field, accepts }: ShownField, span: SpanView): object | undefined {
  if (field.type === 'attribute') return attribute(field, accepts, span);
  const value = span.field(field);
  const all = (Array.isArray(value) ? value : [value]).filter((each) => accepts?.(each) ?? true);
  return all.length === 0 && !Object.hasOwn(absent, field.name) ? undefined : intrinsic(field.name, all.at(-1));
}

type Accepts = ShownField['accepts'];

function attribute(field: AttributeField, accepts: Accepts, span: SpanView): object | undefined {
  const shown = anyValuesOf(span, field).map((value) => anyValue(value, accepts));
  return shown.findLast((value) => value !== undefined) ?? emptyService(field, accepts, span);
}

/** A resource that says no service has an empty one. */
function emptyService({ scope, key }: AttributeField, accepts: Accepts, span: SpanView): object | undefined {
  const isAbsent = key === 'service.name' && scope === 'resource' && span.resource.attributes.get(key) === undefined;
  return isAbsent && (accepts?.('') ?? true) ? { stringValue: '' } : undefined;
}

/** Of a list that was looked into, what was looked for. */
function anyValue(value: Reader, accepts: Accepts): object | undefined {
  const elements = elementsOf(value);
  if (elements === undefined) return accepts?.(valueAt(value)) === false ? undefined : scalar(value);
  const values = elements.filter((each) => accepts?.(valueAt(each)) ?? true).map(scalar);
  const shown = values.filter((each) => each !== undefined);
  if (shown.length === 0) return undefined;
  return accepts !== undefined && shown.length === 1 ? shown[0] : { arrayValue: { values: shown } };
}

const valueAt = (value: Reader): Value => readValue(copy(value));

function scalar(value: Reader): object | undefined {
  return valueAt(value) === undefined ? undefined : anyValueJson(copy(value));
}

const copy = ({ buf, pos, end }: Reader): Reader => new Reader(buf, pos, end);

/** What Tempo shows of a span that has no such thing. */
const absent: Partial<Record<Intrinsic, string>> = {
  'span:parentID': '0000000000000000',
  'link:spanID': '0000000000000000',
  'link:traceID': '',
  'event:name': '',
  'event:timeSinceStart': '0s',
  statusMessage: '',
  'instrumentation:name': '',
  'instrumentation:version': '',
};

function intrinsic(name: Intrinsic, value: Value): object | undefined {
  const shown = value ?? absent[name];
  if (shown === undefined) return undefined;
  if (name === 'event:timeSinceStart' && typeof shown === 'number') return { stringValue: durationText(shown) };
  if (name === 'link:traceID') return { stringValue: String(shown).replace(/^0+/, '') };
  if (typeof shown === 'number' || typeof shown === 'bigint') return { intValue: String(shown) };
  return { stringValue: typeof shown === 'object' ? (shown as { name: string }).name : String(shown) };
}
