import { mergeLayers, parseRules } from '../../../src/config/rules.ts';
import { parseKeys } from '../../../src/config/rules-keys.ts';
import { compileRules } from '../../../src/decide/compile.ts';
import { changeBytes } from '../bytes.ts';
import type { Chance, Target } from '../target.ts';

const maxErrors = 21;
const maxErrorLength = 520;

function run(input: Buffer): string {
  const text = input.toString();
  const result = parseRules(text, 'rules.yaml');
  if ('errors' in result) return refused(result.errors);
  const { document, report } = mergeLayers([result.layer]);
  const compiled = compileRules(document, 'home', { debug: false });
  if ('problems' in compiled) return refused(report(compiled.problems));
  return `${Math.min(compiled.policies.policies.length, 10)} policies`;
}

/** Errors are few, short, and each a line. */
function refused(errors: readonly string[]): string {
  if (errors.length === 0 || errors.length > maxErrors) throw new Error(`${errors.length} errors`);
  const odd = errors.find((error) => error.length > maxErrorLength || /[\p{Cc}\u2028]/u.test(error));
  if (odd !== undefined) throw new Error(`an error that is no line: ${JSON.stringify(odd)}`);
  return errors[0].replace(/".*"|'.*'|\d+/g, '#').slice(0, 80);
}

/** The same as a value in Consul. */
function check(input: Buffer): void {
  const layer = parseKeys([{ key: 'policies', value: input.toString() }], 'tailgate/sampling/home');
  if ('errors' in layer) refused(layer.errors);
}

const policies = `
policies:
  - { name: p, type: probabilistic, probabilistic: { sampling_percentage: 25 } }
  - name: codes
    type: status_code
    status_code: { status_codes: [ERROR, UNSET] }
  - { name: all, type: always_sample }
`;
const nested = `
processors:
  tail_sampling:
    decision_wait: 30s
    policies:
      - name: a
        type: and
        and:
          same_span: true
          and_sub_policy:
            - { name: b, type: string_attribute, string_attribute: { key: k, values: [x, y], invert_match: true } }
            - { name: c, type: not, not: { not_sub_policy: { name: d, type: route, route: { routes: [/u/{id}] } } } }
      - { name: e, type: drop, drop: { drop_sub_policy: [{ name: f, type: span_count, span_count: { min_spans: 2 } }] } }
      - name: g
        type: string_attribute
        string_attribute: { key: path, values: ["^/health", "a|b+"], enabled_regex_matching: true }
      - { name: h, type: numeric_attribute, numeric_attribute: { key: n, min_value: 1, max_value: 2 } }
      - { name: i, type: latency, latency: { threshold_ms: 5, upper_threshold_ms: 9 } }
`;
const words = [
  ...[
    'policies:',
    'routes:',
    '- ',
    '&a ',
    '*a',
    '<<: *a',
    '{',
    '}',
    '[',
    ']',
    ': ',
    '"',
    "'",
    '|',
    '>',
    '?',
    '!!',
    '%',
  ],
  ...['null', '.inf', '-1', '1e999', '~', '#', '\n', '  ', '\t', '/x/*', 'baseline_percent:', 'debug: true', 'ERROR'],
  ...[
    '__proto__:',
    'constructor:',
    'name:',
    'type:',
    'and_sub_policy:',
    'not_sub_policy:',
    'latency:',
    'tail_sampling:',
    'invert_match: true',
    '\u2028',
    '\ufeff',
    '---',
    '...',
    '&a [*a]',
    '{a: &b [1], c: *b}',
  ],
];
const change = (parent: Buffer, chance: Chance): Buffer => changeBytes(parent, chance, words);

/** A rules document: read, merged with the defaults, compiled. */
export const rulesTarget: Target = {
  name: 'rules',
  // The longest document is read at once, in the half of a second: an operator's, and once a change.
  budget: {
    cpuUs: 5_000,
    cpuUsPerByte: 6,
    stallUs: 1_500_000,
    memoryBytes: 8 * 2 ** 20,
    memoryBytesPerByte: 3_000,
  },
  maxBytes: 256 * 1024,
  seeds: () =>
    [
      'baseline_percent: { home: 10, staging: 5, production: 1 }\nlatency_threshold_ms: 500\nroutes: [/login, /upload/*]\n',
      policies,
      nested,
      '{}',
      'routes: &r [/a]\n',
      'a: &a { x: 1 }\nb: { <<: *a, y: 2 }\n',
      '{"debug": true, "error_status_codes": ["ERROR"], "late": {"rescue": false}, "shadow": []}',
    ].map((text) => Buffer.from(text)),
  change,
  run,
  check,
};
