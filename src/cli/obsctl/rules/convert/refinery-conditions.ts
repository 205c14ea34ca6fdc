import type { Block } from './converted.ts';

/** A condition of a rule: on some span, in OTTL; on the whole trace, as a policy; or why it has no equal. */
export type Condition = { readonly span: string } | { readonly trace: Block } | { readonly none: string };

/** What Refinery calls otherwise than OpenTelemetry does: its own names for what is no attribute. */
const known: Readonly<Record<string, string>> = {
  duration_ms: '(end_time_unix_nano - start_time_unix_nano)',
  name: 'name',
  'service.name': 'resource.attributes["service.name"]',
  service_name: 'resource.attributes["service.name"]',
  status_code: 'status.code',
  'span.kind': 'kind.string',
  'library.name': 'scope.name',
};

const converters: Readonly<Record<string, string>> = { int: 'Int', float: 'Double', string: 'String' };
const nsPerMs = 1e6;
const isFlag = (field: string): boolean => field === 'error';
const isParent = (field: string): boolean => field === 'trace.parent_id' || field === 'parentId';

/**
 * A condition of a RulesBasedSampler's rule. Sources: honeycombio/refinery, refinery_rules.md and sample/rules.go: a field
 * that is not there fulfils nothing but `not-exists`, of several fields the first that is there counts, and negative
 * operators hold where any span differs.
 */
export function convertCondition({
  Field,
  Fields,
  Operator: operator,
  Value: value,
  Datatype: type,
}: Block): Condition {
  if (operator === 'has-root-span') return hasRoot(value);
  const fields = Array.isArray(Fields) ? Fields.map(String) : Field === undefined ? [] : [String(Field)];
  if (fields.length === 0 || typeof operator !== 'string') return { none: 'it has no field or no operator' };
  if (fields.some((field) => field.startsWith('?.'))) return computed(fields[0]!, operator, value);
  const each = fields.map((field) => ofField(field, operator, value, String(type ?? '')));
  const wrong = each.find((one) => 'none' in one);
  if (wrong) return wrong;
  const texts = each.map((one) => (one as { span: string }).span);
  return { span: texts.length === 1 ? texts[0]! : `(${texts.join(operator === 'not-exists' ? ' and ' : ' or ')})` };
}

function hasRoot(value: unknown): Condition {
  const some = { type: 'ottl_condition', ottl_condition: { error_mode: 'ignore', span: ['IsRootSpan()'] } };
  const not = { type: 'not', not: { not_sub_policy: { name: 'has-root', ...some } } };
  return { trace: value === false || value === 'false' ? not : some };
}

function computed(field: string, operator: string, value: unknown): Condition {
  const count = Number(value);
  if (field !== '?.NUM_DESCENDANTS' || !Number.isInteger(count)) return { none: `${field} is not known` };
  // It counts the spans below the root: the trace has one more.
  const bounds: Readonly<Record<string, Block>> = {
    '>': { min_spans: count + 2 },
    '>=': { min_spans: count + 1 },
    '<': { min_spans: 0, max_spans: count },
    '<=': { min_spans: 0, max_spans: count + 1 },
    '=': { min_spans: count + 1, max_spans: count + 1 },
  };
  const of = bounds[operator];
  return of ? { trace: { type: 'span_count', span_count: of } } : { none: `${field} ${operator} is not known` };
}

function ofField(field: string, operator: string, value: unknown, type: string): Condition {
  const isRoot = field.startsWith('root.');
  const name = isRoot ? field.slice(5) : field;
  const text = isParent(name)
    ? parent(operator)
    : isFlag(name)
      ? failed(operator, value)
      : compared(name, operator, value, type);
  if (text === undefined) return { none: `${field} ${operator} is not known` };
  return { span: isRoot ? `(IsRootSpan() and ${text})` : text };
}

const parent = (operator: string): string | undefined =>
  operator === 'exists' ? 'not IsRootSpan()' : operator === 'not-exists' ? 'IsRootSpan()' : undefined;

/** `error` is there on spans that failed. */
function failed(operator: string, value: unknown): string | undefined {
  const yes = 'status.code == STATUS_CODE_ERROR';
  const wanted = value === true || value === 'true';
  if (operator === 'exists' || (operator === '=' && wanted)) return yes;
  return operator === 'not-exists' || operator === '=' ? 'status.code != STATUS_CODE_ERROR' : undefined;
}

function compared(name: string, operator: string, value: unknown, type: string): string | undefined {
  const path = Object.hasOwn(known, name) ? known[name]! : undefined;
  const scale = name === 'duration_ms' ? nsPerMs : 1;
  const ask = (of: string): string | undefined => asked(of, operator, value, { type: path ? '' : type, scale });
  if (path) return ask(path);
  const key = JSON.stringify(name);
  const [ofSpan, ofResource] = [ask(`attributes[${key}]`), ask(`resource.attributes[${key}]`)];
  return ofSpan && `(${ofSpan} ${operator === 'not-exists' ? 'and' : 'or'} ${ofResource})`;
}

function asked(of: string, operator: string, value: unknown, { type, scale }: { type: string; scale: number }) {
  const operand = Object.hasOwn(converters, type) ? `${converters[type]}(${of})` : of;
  const present = `${of} != nil`;
  const values = (Array.isArray(value) ? value : [value]).map((each) => literal(each, type, scale));
  const equals = values.map((each) => `${operand} == ${each}`).join(' or ');
  switch (operator) {
    case 'exists':
      return present;
    case 'not-exists':
      return `${of} == nil`;
    case '=':
    case 'in':
      return values.length > 1 ? `(${equals})` : equals;
    case '!=':
    case 'not-in':
      return `(${present} and not (${equals}))`;
    case '>':
    case '>=':
    case '<':
    case '<=':
      return `${operand} ${operator} ${values[0]}`;
    case 'starts-with':
      return `IsMatch(${of}, ${JSON.stringify(`^${quoted(String(value))}`)})`;
    case 'contains':
      return `IsMatch(${of}, ${JSON.stringify(quoted(String(value)))})`;
    case 'does-not-contain':
      return `(${present} and not IsMatch(${of}, ${JSON.stringify(quoted(String(value)))}))`;
    case 'matches':
      return `IsMatch(${of}, ${JSON.stringify(String(value))})`;
    default:
      return undefined;
  }
}

function literal(value: unknown, type: string, scale: number): string {
  const isNumber = scale !== 1 || type === 'int' || type === 'float';
  if (isNumber && value !== '' && Number.isFinite(Number(value))) {
    const number = Number(value) * scale;
    return type === 'float' && Number.isInteger(number) ? number.toFixed(1) : String(number);
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(String(value));
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
