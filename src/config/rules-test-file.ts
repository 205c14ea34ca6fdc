import * as v from 'valibot';
import { block, duration, expected, fields, list, oneOf, scalar, someOf, text } from '../options.ts';
import { problemsOf, readYaml, told } from './document.ts';

const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
const statuses = ['unset', 'ok', 'error'] as const;
const name = text(/\S/, 'a name');

const scalarValue = v.custom<string | number | boolean>(
  (input) => ['string', 'number', 'boolean'].includes(typeof input),
  expected('text, a number, true or false, or a list of texts'),
);
const attribute = v.lazy((input) => (Array.isArray(input) ? list(v.string(expected('text'))) : scalarValue));
const attributes = v.optional(
  fields({}, () => attribute, expected('a block of attributes')) as unknown as v.GenericSchema<unknown, Attributes>,
  {},
);

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

const event = block({ name, attributes });

const span = block({
  name,
  service: v.optional(name),
  parent: v.optional(name),
  kind: v.optional(oneOf(...kinds), 'internal'),
  status: v.optional(oneOf(...statuses), 'unset'),
  message: v.optional(v.string(expected('text')), ''),
  start: v.optional(duration('0s', '24h'), '0s'),
  duration: v.optional(duration('0s', '24h'), '1ms'),
  attributes,
  resource: attributes,
  scope: v.optional(v.string(expected('the name of a scope')), ''),
  tracestate: v.optional(v.string(expected('a tracestate such as vendor=x')), ''),
  events: v.optional(list(event), []),
});

/** From 0 to 1: a share of p is reached by what is at least 1 − p. */
const randomness = scalar('a number from 0 to less than 1', (input) =>
  typeof input === 'number' && input >= 0 && input < 1 ? input : undefined,
);

const trace = block({
  name,
  expect: oneOf('keep', 'drop'),
  policy: v.optional(name),
  weight: v.optional(v.number(expected('a number such as 20'))),
  randomness: v.optional(randomness, 0),
  at: v.optional(duration('0s', '24h'), '0s'),
  spans: someOf(span),
});

const file = block({
  rules: text(/./, 'the rules file, relative to this one'),
  environment: v.optional(text(/^[A-Za-z0-9_.-]{1,64}$/, 'a name such as production')),
  together: v.optional(v.boolean(expected('true or false')), false),
  traces: someOf(trace),
});

/** Traces and what is expected of them; durations in milliseconds. `obsctl sampling test --help` says what each means. */
type RulesTestFile = v.InferOutput<typeof file>;
export type ToldTrace = RulesTestFile['traces'][number];
export type ToldSpan = ToldTrace['spans'][number];

/** A test file's text; errors as `file:line: …`. `place` names where a trace stands. */
export function parseRulesTest(
  text: string,
  name: string,
):
  | { readonly test: RulesTestFile; readonly place: (trace: number) => string }
  | { readonly errors: readonly string[] } {
  const yaml = readYaml(text, name);
  if (yaml.errors.length > 0) return { errors: told(yaml.errors) };
  const parsed = v.safeParse(file, yaml.value ?? {});
  if (!parsed.success) return { errors: told(yaml.report(problemsOf(parsed.issues))) };
  const strangers = parsed.output.traces.flatMap(strangersIn);
  if (strangers.length > 0) return { errors: told(yaml.report(strangers)) };
  const place = (at: number): string =>
    yaml.report([{ path: ['traces', at], message: '' }])[0]!.replace(/: traces.*$/s, '');
  return { test: parsed.output, place };
}

/** Names no span of the trace: its parent was never sent. */
export const missingParent = 'missing';

function strangersIn({ spans }: ToldTrace, at: number) {
  const names = new Set(spans.map((each) => each.name));
  return spans.flatMap(({ parent }, i) => {
    if (parent === undefined || parent === missingParent || names.has(parent)) return [];
    const message = `no span of this trace is called ${JSON.stringify(parent)}; expected one of them, or ${missingParent}`;
    return [{ path: ['traces', at, 'spans', i, 'parent'], message }];
  });
}
