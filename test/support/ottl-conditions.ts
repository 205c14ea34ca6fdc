import type { AnyValue, KeyValue, SpanObject } from './otlp.ts';

/** Numbers that look random and are the same for the same seed (mulberry32). */
export function randomly(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

const keys = ['a', 'b', 'http.method', 'http.status_code', 'n'];
const ops = ['==', '!=', '<', '<=', '>', '>='];
const literals = [
  '"GET"',
  '"POST"',
  '""',
  '"b"',
  '5',
  '0',
  '-3',
  '200',
  '503',
  '4.5',
  '200.0',
  'true',
  'false',
  'nil',
  '0x00ff',
  '"42"',
  '[1, 2]',
];
const patterns = [
  '^G',
  'S',
  '(?i)get',
  '^[0-9]+$',
  'a|b',
  '.*O.*',
  '^5..$',
  'e',
  '^$',
  'ü|é',
  '(a+)+$',
  '\\\\d{2,}',
  '^(GET|POST)$',
  '\\"k\\"',
];

/** Spans that conditions of `someCondition` tell apart: the same keys with values of every type, or without. */
export function someSpan(
  random: Random,
  index: number,
): { span: SpanObject; resource: KeyValue[]; scope: { name: string; version: string } } {
  const start = 1_790_000_000_000_000_000n + BigInt(index) * 1_000_000n;
  const end = start + BigInt(pick(random, [0, 1_000_000, 499_999_999, 500_000_000, 500_000_001, 2_000_000_000]));
  const hex = (bytes: number, seed: number) =>
    Buffer.from(Buffer.alloc(bytes, 1).fill((0x70000000 + seed).toString(16), 'utf8')).toString('base64');
  const span: SpanObject = {
    traceId: hex(16, index + 1),
    spanId: hex(8, index + 1),
    ...(random() < 0.5 && { parentSpanId: hex(8, index + 9) }),
    name: pick(random, ['GET', 'POST /checkout', '', 'b', 'straße', '503']),
    kind: Math.floor(random() * 6),
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: someAttributes(random),
    status: { code: Math.floor(random() * 3), message: pick(random, ['', 'GET', 'boom']) },
    ...(random() < 0.3 && { traceState: pick(random, ['a=GET', 'a=b,c=d', 'not a state', 'vendor=1']) }),
    ...(random() < 0.6 && {
      events: Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({
        name: pick(random, ['GET', 'exception', '', 'b']),
        attributes: someAttributes(random),
      })),
    }),
  };
  return {
    span,
    resource: someAttributes(random),
    scope: { name: pick(random, ['GET', '', 'lib']), version: pick(random, ['', '503']) },
  };
}

function someAttributes(random: Random): KeyValue[] {
  return keys.filter(() => random() < 0.6).map((key) => ({ key, value: someValue(random, 2) }));
}

function someValue(random: Random, depth: number): AnyValue {
  return pick<() => AnyValue>(random, [
    () => ({ stringValue: pick(random, ['GET', 'POST', '', 'b', '42', 'Ünïé', '503', 'aaaa']) }),
    () => ({ stringValue: pick(random, ['GET', 'get', 'OK', '4.5', '1e3', '-7']) }),
    () => ({ intValue: pick(random, ['5', '0', '-3', '200', '503', '9007199254740993']) }),
    () => ({ doubleValue: pick(random, [5, 4.5, -0.5, 200, 1e21, 1e-7]) }),
    () => ({ boolValue: random() < 0.5 }),
    () => ({ bytesValue: pick(random, ['AP8=', 'YWJj']) }),
    () =>
      depth === 0
        ? {}
        : { arrayValue: { values: [someValue(random, depth - 1), { intValue: '2' }].slice(Math.floor(random() * 2)) } },
    () => (depth === 0 ? {} : { kvlistValue: { values: [{ key: 'k', value: someValue(random, depth - 1) }] } }),
  ])();
}

/** A condition that a Collector's ottl_condition takes, of spans or of their events. */
export function someCondition(random: Random, context: 'span' | 'spanevent', depth = 2): string {
  const within = () => someCondition(random, context, depth - 1);
  const choice = random();
  if (depth === 0 || choice < 0.35) return someLeaf(random, context);
  if (choice < 0.55) return `${within()} and ${within()}`;
  if (choice < 0.75) return `${within()} or ${within()}`;
  return choice < 0.9 ? `not (${within()})` : `(${within()})`;
}

function someLeaf(random: Random, context: 'span' | 'spanevent'): string {
  const path = () => somePath(random, context);
  const attribute = () => `${pick(random, prefixes(context))}attributes["${pick(random, keys)}"]`;
  const text = () => pick(random, [attribute, attribute, () => 'name', () => '"GET"'])();
  const op = () => pick(random, ops);
  const literal = () => pick(random, literals);
  const span = context === 'span' ? '' : 'span.';
  return pick<() => string>(random, [
    () => `${path()} ${op()} ${literal()}`,
    () => `${attribute()} ${op()} ${literal()}`,
    () => `${attribute()} ${pick(random, ['==', '!='])} ${literal()}`,
    () => `${literal()} ${op()} ${attribute()}`,
    () => `${attribute()} ${op()} ${path()}`,
    () => `${attribute()}${pick(random, ['["k"]', '[0]', '["k"]["k"]', '[1]'])} ${op()} ${literal()}`,
    () => `IsMatch(${path()}, "${pick(random, patterns)}")`,
    () => `IsMatch(${attribute()}, "${pick(random, patterns)}")`,
    () => `${pick(random, ['IsString', 'IsInt', 'IsDouble', 'IsBool', 'IsMap', 'IsList'])}(${attribute()})`,
    () => `${pick(random, ['HasPrefix', 'HasSuffix'])}(${text()}, "${pick(random, ['G', 'T', '', 'é'])}")`,
    () => `Len(${pick(random, [attribute(), 'name', 'attributes'])}) ${op()} ${pick(random, ['0', '1', '3'])}`,
    () => `${pick(random, ['Int', 'Double', 'String'])}(${attribute()}) ${op()} ${literal()}`,
    () =>
      `Concat([${attribute()}, ${text()}], "${pick(random, ['', '-'])}") ${op()} ${pick(random, ['"GET-GET"', '"b"', '"<nil>-GET"'])}`,
    () =>
      `${pick(random, ['ToLowerCase', 'ToUpperCase'])}(${text()}) ${op()} ${pick(random, ['"get"', '"GET"', '"ÜNÏÉ"'])}`,
    () =>
      `Substring(${pick(random, [attribute(), 'name'])}, ${pick(random, ['0', '1'])}, ${pick(random, ['1', '3'])}) ${op()} ${pick(random, ['"GET"', '"G"', '"P"'])}`,
    () =>
      `${attribute()} ${pick(random, ['+', '-', '*', '/'])} ${pick(random, ['2', '0', '2.5', attribute()])} ${op()} ${pick(random, ['7', '100', '2.25'])}`,
    () =>
      `${span}end_time_unix_nano - ${span}start_time_unix_nano ${op()} ${pick(random, ['500000000', '0', '1e9'.replace('1e9', '2000000000')])}`,
    () => `${span}end_time - ${span}start_time ${op()} Duration("${pick(random, ['500ms', '0s', '1.5s', '2000ms'])}")`,
    () => `Milliseconds(${span}end_time - ${span}start_time) ${op()} ${pick(random, ['499', '500', '2000'])}`,
    () => (context === 'span' ? 'IsRootSpan()' : `${span}kind == SPAN_KIND_SERVER`),
    () => `${span}status.code ${op()} ${pick(random, ['STATUS_CODE_ERROR', 'STATUS_CODE_OK', '1', '"ERROR"'])}`,
    () => `${span}kind.string ${op()} "${pick(random, ['Server', 'Client', ''])}"`,
    () =>
      `${span}trace_state["${pick(random, ['a', 'vendor', 'zz'])}"] ${op()} ${pick(random, ['"GET"', '"1"', '""', 'nil'])}`,
  ])();
}

const prefixes = (context: 'span' | 'spanevent') =>
  context === 'span' ? ['', '', 'span.', 'resource.'] : ['', '', 'spanevent.', 'span.', 'resource.'];

function somePath(random: Random, context: 'span' | 'spanevent'): string {
  const span = context === 'span' ? pick(random, ['', 'span.']) : 'span.';
  return pick(random, [
    'name',
    `${span}name`,
    `${span}status.message`,
    `${span}status.code`,
    `${span}kind`,
    `${span}trace_state`,
    `${span}parent_span_id.string`,
    `${span}dropped_attributes_count`,
    'scope.name',
    'instrumentation_scope.version',
    'attributes["a"]',
    'resource.attributes["b"]',
  ]);
}
