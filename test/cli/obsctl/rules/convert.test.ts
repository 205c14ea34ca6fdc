import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { convertCondition } from '../../../../src/cli/obsctl/rules/convert/refinery-conditions.ts';
import { fakeProcess } from '../../fake-process.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-convert-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Rules {
  readonly baseline_percent: number | null;
  readonly policies?: readonly { readonly name: string; readonly type: string; readonly [key: string]: unknown }[];
}
const convert = async (text: string, ...argv: string[]) => {
  const file = join(directory, 'given.yaml');
  writeFileSync(file, text);
  const process = fakeProcess();
  const code = await obsctl(['sampling', 'convert', file, ...argv], process);
  return { code, out: process.out, err: process.err, rules: parse(process.out) as Rules };
};
const refinery = (sampler: object, environment = '__default__') =>
  JSON.stringify({ RulesVersion: 2, Samplers: { [environment]: sampler } });
const ruled = (...Rules: object[]) => refinery({ RulesBasedSampler: { Rules } });

describe("a Collector's configuration", () => {
  it('is taken over policy by policy, with a note for each thing beside them', async () => {
    const { code, out, err, rules } = await convert(`
processors:
  batch: {}
  tail_sampling:
    decision_wait: 10s
    num_traces: 50000
    sample_on_first_match: true
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: both, type: and, and: { and_sub_policy: [{ name: a, type: latency, latency: { threshold_ms: 500 } }] } }
`);
    expect(code).toBe(0);
    expect(rules).toMatchObject({ baseline_percent: null, latency_threshold_ms: null, routes: null });
    expect(rules.policies).toEqual([
      { name: 'collector-errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
      {
        name: 'both',
        type: 'and',
        and: { and_sub_policy: [{ name: 'a', type: 'latency', latency: { threshold_ms: 500 } }] },
      },
    ]);
    expect(out).toContain('# processors.tail_sampling.decision_wait: set elsewhere: buffer.decision_wait');
    expect(out).toContain('# errors: is called collector-errors');
    expect(err).toContain('obsctl: processors.tail_sampling.num_traces: not needed here');
  });

  it('is given back whole, with what a gateway would refuse, exit code 4', async () => {
    const { code, out, err, rules } = await convert('tail_sampling: { policies: [{ name: x, type: telepathy }] }');
    expect(code).toBe(4);
    expect(rules.policies).toEqual([{ name: 'x', type: 'telepathy' }]);
    expect(out).toContain("# would not be taken: rules:7: policies[0].type: unknown policy type 'telepathy'");
    expect(err).toContain('would not be taken');
  });

  it('tells that adaptive_tail_sampling has no equal', async () => {
    const given =
      'processors: { adaptive_tail_sampling: {}, tail_sampling: { policies: [{ name: all, type: always_sample }] } }';
    expect((await convert(given)).err).toContain('adaptive_tail_sampling: no equal');
  });

  it('is not guessed at', async () => {
    expect(await convert('routes: [/a]')).toMatchObject({ code: 2 });
    expect((await convert('a: [')).err).toContain('given.yaml:1: not valid YAML');
  });
});

describe("Refinery's rules", () => {
  it('are those of the environment, else the default ones', async () => {
    const given = `RulesVersion: 2
Samplers:
  __default__: { DeterministicSampler: { SampleRate: 4 } }
  production: { DeterministicSampler: { SampleRate: 20 } }
`;
    expect((await convert(given)).rules).toMatchObject({ baseline_percent: 25, routes: null });
    const { rules, err } = await convert(given, '-e', 'production');
    expect(rules.baseline_percent).toBe(5);
    expect(err).toBe('obsctl: Samplers: production is taken; for __default__ convert again with -e\n');
  });

  it.each([
    ['DynamicSampler', { SampleRate: 8, FieldList: ['a'] }, { percentage: 12.5, attributes: ['a'], from: 'all' }],
    [
      'EMADynamicSampler',
      { GoalSampleRate: 4, FieldList: ['root.a'], Weight: 0.3 },
      { percentage: 25, attributes: ['a'], from: 'root', weight: 0.3 },
    ],
    [
      'EMAThroughputSampler',
      { GoalThroughputPerSec: 100, AdjustmentInterval: '30s', MaxKeys: 9 },
      { spans_per_second: 100, adjustment_interval: '30s', max_keys: 9 },
    ],
  ])('%s becomes adaptive', async (kind, options, adaptive) => {
    const { rules } = await convert(refinery({ [kind]: options }));
    expect(rules.policies).toEqual([{ name: 'refinery', type: 'adaptive', adaptive }]);
  });

  it('has each rule hold only where none above it does, as far as that matters', async () => {
    const field = (Field: string) => ({ Conditions: [{ Field, Operator: 'exists' }] });
    const { rules } = await convert(
      ruled(
        { Name: 'certain', SampleRate: 1, ...field('a') },
        { Name: 'some', SampleRate: 10, ...field('b') },
        { Name: 'noise', Drop: true, ...field('c') },
        { Name: 'rest', SampleRate: 100 },
      ),
    );
    const asked = (key: string) => ({
      type: 'ottl_condition',
      ottl_condition: {
        error_mode: 'ignore',
        span: [`(attributes["${key}"] != nil or resource.attributes["${key}"] != nil)`],
      },
    });
    const not = (part: object) => ({ type: 'not', not: { not_sub_policy: { name: 'rule above', ...part } } });
    const share = (sampling_percentage: number) => ({ type: 'probabilistic', probabilistic: { sampling_percentage } });
    const parts = (...all: object[]) => all.map((part, at) => ({ name: `part ${at + 1}`, ...part }));
    expect(rules.policies).toEqual([
      { name: 'certain', ...asked('a') },
      { name: 'some', type: 'and', and: { and_sub_policy: parts(asked('b'), share(10)) } },
      { name: 'noise', type: 'drop', drop: { drop_sub_policy: parts(asked('c'), not(asked('a')), not(asked('b'))) } },
      { name: 'rest', type: 'and', and: { and_sub_policy: parts(not(asked('b')), share(1)) } },
    ]);
  });

  it('has names that a gateway takes', async () => {
    const named = (Name: string) => ({ Name, SampleRate: 1, Conditions: [{ Field: 'a', Operator: 'exists' }] });
    const { code, rules, err } = await convert(
      ruled(named('errors'), named('twice'), named('twice'), { SampleRate: 50 }),
    );
    expect(code).toBe(0);
    expect(rules.policies!.map(({ name }) => name)).toEqual(['refinery-errors', 'twice', 'refinery-twice', 'rule 4']);
    expect(err).toContain('errors: is called refinery-errors, as there is a policy of that name');
  });

  it('keeps what no rule matches, as Refinery does', async () => {
    const { rules } = await convert(
      ruled({ Name: 'a', SampleRate: 2, Conditions: [{ Field: 'x', Operator: 'exists' }] }),
    );
    expect(rules.policies?.at(-1)).toMatchObject({ name: 'no rule matched', type: 'not' });
    const certain = await convert(
      ruled({ Name: 'a', SampleRate: 1, Conditions: [{ Field: 'x', Operator: 'exists' }] }),
    );
    expect(certain.rules.policies?.at(-1)).toEqual({ name: 'no rule matched', type: 'always_sample' });
  });

  it('asks one span for all with the scope of a span, and each condition of any span without', async () => {
    const Conditions = [
      { Field: 'error', Operator: 'exists' },
      { Field: 'duration_ms', Operator: '>', Value: 20 },
    ];
    const [one] = (await convert(ruled({ SampleRate: 1, Scope: 'span', Conditions }))).rules.policies!;
    expect(one).toMatchObject({
      name: 'rule 1',
      ottl_condition: {
        span: ['status.code == STATUS_CODE_ERROR and (end_time_unix_nano - start_time_unix_nano) > 20000000'],
      },
    });
    const [any] = (await convert(ruled({ SampleRate: 1, Conditions }))).rules.policies!;
    expect((any!.and as { and_sub_policy: unknown[] }).and_sub_policy).toHaveLength(2);
  });

  it('leaves out a condition without an equal, but drops nothing more for that', async () => {
    const Conditions = [{ Field: '?.SOMETHING', Operator: '>', Value: 1 }];
    const kept = await convert(ruled({ Name: 'k', SampleRate: 1, Conditions }));
    expect(kept.err).toContain('k: ?.SOMETHING is not known: left out, so that more traces match');
    const dropped = await convert(ruled({ Name: 'd', Drop: true, Conditions }));
    expect(dropped.err).toContain('d: ?.SOMETHING is not known: the rule is left out, as it would drop more');
    expect(dropped.rules.policies).toEqual([{ name: 'no rule matched', type: 'always_sample' }]);
  });
});

describe("a condition of Refinery's", () => {
  const both = (text: string, how = 'or') => `(${text} ${how} ${text.replaceAll('attributes', 'resource.attributes')})`;
  it.each([
    [{ Field: 'a', Operator: '=', Value: 'x' }, both('attributes["a"] == "x"')],
    [{ Field: 'a', Operator: '=', Value: true }, both('attributes["a"] == true')],
    [{ Field: 'a', Operator: '>=', Value: '500', Datatype: 'int' }, both('Int(attributes["a"]) >= 500')],
    [{ Field: 'a', Operator: '<', Value: 2, Datatype: 'float' }, both('Double(attributes["a"]) < 2.0')],
    [{ Field: 'a', Operator: '!=', Value: 'x' }, both('(attributes["a"] != nil and not (attributes["a"] == "x"))')],
    [{ Field: 'a', Operator: 'in', Value: ['x', 'y'] }, both('(attributes["a"] == "x" or attributes["a"] == "y")')],
    [{ Field: 'a', Operator: 'not-exists' }, both('attributes["a"] == nil', 'and')],
    [{ Field: 'a', Operator: 'contains', Value: 'x.y' }, both('IsMatch(attributes["a"], "x\\\\.y")')],
    [{ Field: 'a', Operator: 'starts-with', Value: '/h' }, both('IsMatch(attributes["a"], "^/h")')],
    [{ Field: 'a', Operator: 'matches', Value: '^x+$' }, both('IsMatch(attributes["a"], "^x+$")')],
    [{ Field: 'name', Operator: '=', Value: 'GET' }, 'name == "GET"'],
    [{ Field: 'root.name', Operator: '=', Value: 'GET' }, '(IsRootSpan() and name == "GET")'],
    [{ Field: 'service.name', Operator: '=', Value: 's' }, 'resource.attributes["service.name"] == "s"'],
    [{ Field: 'trace.parent_id', Operator: 'not-exists' }, 'IsRootSpan()'],
    [{ Field: 'error', Operator: '=', Value: true }, 'status.code == STATUS_CODE_ERROR'],
    [
      { Fields: ['a', 'b'], Operator: 'exists' },
      `(${both('attributes["a"] != nil')} or ${both('attributes["b"] != nil')})`,
    ],
  ])('%j', (condition, span) => {
    expect(convertCondition(condition)).toEqual({ span });
  });

  it('counts spans below the root', () => {
    const count = (Operator: string) => convertCondition({ Field: '?.NUM_DESCENDANTS', Operator, Value: 10 });
    expect(count('>')).toEqual({ trace: { type: 'span_count', span_count: { min_spans: 12 } } });
    expect(count('<=')).toEqual({ trace: { type: 'span_count', span_count: { min_spans: 0, max_spans: 11 } } });
  });

  it('says what it does not know', () => {
    expect(convertCondition({ Field: 'a', Operator: 'sounds-like', Value: 'b' })).toEqual({
      none: 'a sounds-like is not known',
    });
    expect(convertCondition({ Operator: '=' })).toEqual({ none: 'it has no field or no operator' });
  });
});
