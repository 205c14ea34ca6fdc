import { describe, expect, it } from 'vitest';
import { fromRefinery } from '../../../../src/cli/obsctl/rules/convert/refinery.ts';
import { judgeTraces } from '../../../../src/cli/obsctl/rules/try-traces.ts';
import { parseRulesTest } from '../../../../src/config/rules-test-file.ts';
import { compiled } from '../../../support/story.ts';

/** What Refinery would do by its documentation: the first rule that matches counts. */
const rules = [
  {
    Name: 'health',
    Drop: true,
    Scope: 'span',
    Conditions: [
      { Field: 'root.http.route', Operator: 'starts-with', Value: '/health' },
      { Fields: ['http.status_code', 'http.response.status_code'], Operator: '=', Value: 200, Datatype: 'int' },
    ],
  },
  { Name: 'errors', SampleRate: 1, Conditions: [{ Field: 'error', Operator: 'exists' }] },
  {
    Name: 'slow roots',
    SampleRate: 10,
    Scope: 'span',
    Conditions: [
      { Field: 'trace.parent_id', Operator: 'not-exists' },
      { Field: 'duration_ms', Operator: '>=', Value: 500 },
    ],
  },
  {
    Name: 'noisy',
    Drop: true,
    Conditions: [
      { Field: 'user.id', Operator: 'in', Value: ['bot', 'probe'] },
      { Field: 'service.name', Operator: '!=', Value: 'pay' },
    ],
  },
  { Name: 'large', SampleRate: 1, Conditions: [{ Field: '?.NUM_DESCENDANTS', Operator: '>=', Value: 3 }] },
  { Name: 'rest', SampleRate: 100 },
];

const spans = (...each: string[]) => `[${each.join(', ')}]`;
const one = (more: string) => `{ name: root, service: shop, ${more} }`;
const traces: readonly (readonly [name: string, spans: string, randomness: number, expected: string])[] = [
  [
    'a health check that went well',
    spans(one('attributes: { http.route: /healthz, http.status_code: 200 }')),
    0.999,
    'drop by health',
  ],
  [
    'its status is text',
    spans(one('attributes: { http.route: /healthz, http.status_code: "200" }')),
    0.999,
    'drop by health',
  ],
  [
    'its status by the newer name',
    spans(one('attributes: { http.route: /healthz, http.response.status_code: 200 }')),
    0,
    'drop by health',
  ],
  [
    'one that failed',
    spans(one('status: error, attributes: { http.route: /healthz, http.status_code: 500 }')),
    0,
    'keep by refinery-errors',
  ],
  [
    '200 on another span than the root',
    spans(one('attributes: { http.route: /healthz }'), '{ name: b, attributes: { http.status_code: 200 } }'),
    0.995,
    'keep by rest',
  ],
  ['an error below the root', spans(one('kind: server'), '{ name: b, status: error }'), 0, 'keep by refinery-errors'],
  ['a slow root, by its tenth', spans(one('duration: 500ms')), 0.95, 'keep by slow roots'],
  ['a slow root, by its nine tenths', spans(one('duration: 500ms')), 0.85, 'drop by none'],
  ['a slow span below a fast root', spans(one('duration: 5ms'), '{ name: b, duration: 900ms }'), 0.95, 'drop by none'],
  [
    'a slow root of a bot: the rule above it counts',
    spans(one('duration: 700ms, attributes: { user.id: bot }')),
    0.95,
    'keep by slow roots',
  ],
  ['a bot', spans(one('attributes: { user.id: bot }')), 0.999, 'drop by noisy'],
  [
    'a bot that failed: the rule above it counts',
    spans(one('status: error, attributes: { user.id: bot }')),
    0,
    'keep by refinery-errors',
  ],
  [
    'a bot with four spans: dropped before they are counted',
    spans(one('attributes: { user.id: probe }'), '{ name: b }', '{ name: c }', '{ name: d }'),
    0,
    'drop by noisy',
  ],
  ['a bot of pay alone', '[{ name: root, service: pay, attributes: { user.id: bot } }]', 0, 'drop by none'],
  ['four spans', spans(one('kind: server'), '{ name: b }', '{ name: c }', '{ name: d }'), 0, 'keep by large'],
  [
    'four spans with a slow root: the rule above it counts',
    spans(one('duration: 600ms'), '{ name: b }', '{ name: c }', '{ name: d }'),
    0,
    'drop by none',
  ],
  ['whatever else, by its hundredth', spans(one('kind: client')), 0.995, 'keep by rest'],
  ['whatever else', spans(one('kind: client')), 0.98, 'drop by none'],
];

describe("Refinery's rules, converted", () => {
  const { fields } = fromRefinery({ Samplers: { __default__: { RulesBasedSampler: { Rules: rules } } } }, 'home')!;

  it.each(traces)('%s', (name, told, randomness, expected) => {
    const text = `{ rules: x, traces: [{ name: "${name}", expect: keep, randomness: ${randomness}, spans: ${told} }] }`;
    const parsed = parseRulesTest(text, 'told');
    if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
    const [verdict] = judgeTraces(compiled(fields), parsed.test.traces);
    expect(`${verdict!.verdict} by ${verdict!.policy}`).toBe(expected);
  });
});
