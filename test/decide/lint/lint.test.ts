import { describe, expect, it } from 'vitest';
import { Implication } from '../../../src/decide/lint/implication.ts';
import { lintRules } from '../../../src/decide/lint/lint.ts';
import type { PolicyDocument, RulesDocument } from '../../../src/model/rules.ts';
import { noRules, seedRules } from '../../support/story.ts';

const lint = (rules: Partial<RulesDocument>, environment = 'home') =>
  lintRules({ ...noRules, ...rules }, environment).map(({ path, message }) => `${path.join('.')}: ${message}`);
const listed = (...policies: PolicyDocument[]) => lint({ policies });
const policy = (name: string, type: string, block: object = {}): PolicyDocument => ({ name, type, [type]: block });
const always = (name: string): PolicyDocument => ({ name, type: 'always_sample' });
const errors = (name: string) => policy(name, 'status_code', { status_codes: ['ERROR'] });
const text = (name: string, key: string, values: string[], more: object = {}) =>
  policy(name, 'string_attribute', { key, values, ...more });
const and = (name: string, ...inside: PolicyDocument[]) => policy(name, 'and', { and_sub_policy: inside });
const drop = (name: string, ...inside: PolicyDocument[]) => policy(name, 'drop', { drop_sub_policy: inside });
const share = (name: string, sampling_percentage: number) => policy(name, 'probabilistic', { sampling_percentage });

describe('rules that are meant', () => {
  it.each(['home', 'staging', 'production'])('are passed over: those that ship, in %s', (environment) => {
    expect(lintRules(seedRules, environment)).toEqual([]);
  });

  it('are passed over: policies that meet in part, a baseline of nothing, debug', () => {
    expect(listed(errors('a'), text('b', 'k', ['v']), text('c', 'k', ['w']), share('d', 5))).toEqual([]);
    expect(listed(drop('health', text('x', 'url.path', ['/health'])), errors('a'))).toEqual([]);
    expect(listed(and('a', errors('e'), share('s', 50)), share('d', 10))).toEqual([]);
    expect(lint({ ...seedRules, baseline_percent: 0 })).toEqual([]);
    expect(lint({ ...seedRules, debug: true })).toEqual([]);
  });
});

describe('policies that say what others say', () => {
  it('are told: the later of two, and one that a field says already', () => {
    expect(listed(errors('a'), always2('b'), errors('c'))).toEqual(["policies.2: says the same as 'a'"]);
    expect(lint({ error_status_codes: ['ERROR'], policies: [errors('mine')] })).toEqual([
      "policies.0: says the same as 'errors'",
    ]);
  });

  it('are told where another keeps all that they keep, and more', () => {
    expect(
      lint({ latency_threshold_ms: 500, policies: [policy('slower', 'span_latency', { threshold_ms: 900 })] }),
    ).toEqual(["policies.0: keeps nothing that 'slow' does not keep as well"]);
    expect(listed(and('paid', errors('e'), text('t', 'service.name', ['pay'])), errors('all'))).toEqual([
      "policies.0: keeps nothing that 'all' does not keep as well",
    ]);
    expect(listed(text('one', 'k', ['a']), text('two', 'k', ['a', 'b']))).toEqual([
      "policies.0: keeps nothing that 'two' does not keep as well",
    ]);
    expect(listed(share('a', 5), share('b', 50))).toEqual(["policies.0: keeps nothing that 'b' does not keep as well"]);
  });

  it('are not told where the share is another: who is kept for certain is not kept by a tenth', () => {
    expect(listed(errors('certain'), and('tenth', errors('e'), share('s', 10)))).toEqual([
      "policies.1: keeps nothing that 'certain' does not keep as well",
    ]);
    expect(
      listed(share('salted', 5), policy('other', 'probabilistic', { sampling_percentage: 50, hash_salt: 'x' })),
    ).toEqual([]);
  });
});

const always2 = (name: string) => text(name, 'z', ['z']);

describe('a drop', () => {
  it('makes a policy idle that keeps what it drops', () => {
    expect(
      listed(drop('no errors', errors('e')), and('paid', errors('e'), text('t', 'k', ['v'])), share('s', 5)),
    ).toEqual(["policies.1: keeps nothing: 'no errors' drops all that it would keep"]);
  });

  it('is told where it drops everything, or what another drops', () => {
    expect(listed(drop('all', always('x')), errors('a'))).toEqual(['policies.0: drops every trace']);
    expect(listed(drop('a', errors('e')), drop('b', errors('e'), text('t', 'k', ['v'])), share('s', 5))).toEqual([
      "policies.1: drops nothing that 'a' does not drop as well",
    ]);
  });
});

describe('policies that keep all or nothing', () => {
  it('are told: a share of 100 %, as a policy and as a field', () => {
    const idle = 'keeps every trace, so that no other policy keeps any more';
    expect(listed(share('all', 100), errors('a'))).toEqual([`policies.0: ${idle}`]);
    expect(lint({ ...seedRules, baseline_percent: { home: 100 } })).toEqual([`baseline_percent: ${idle}`]);
    expect(listed(policy('any', 'span_count', { min_spans: 1 }), errors('a'))).toEqual([`policies.0: ${idle}`]);
    expect(listed(always('alone'))).toEqual([]);
  });

  it('are told: what contradicts itself', () => {
    const idle = 'can never hold, so that it keeps nothing';
    expect(listed(and('x', errors('e'), policy('n', 'not', { not_sub_policy: errors('e') })), share('s', 5))).toEqual([
      `policies.0: ${idle}`,
    ]);
    const one = {
      and_sub_policy: [errors('e'), policy('o', 'status_code', { status_codes: ['OK'] })],
      same_span: true,
    };
    expect(listed(policy('x', 'and', one), share('s', 5))).toEqual([`policies.0: ${idle}`]);
    expect(listed(share('none', 0), errors('a'))).toEqual([`policies.0: ${idle}`]);
  });

  it('are told where nothing is kept at all', () => {
    expect(lint({})).toEqual([': no policy keeps anything']);
    expect(lint({ baseline_percent: 0 })).toEqual([': no policy keeps anything']);
  });

  it('are told: UNSET, the code of what is healthy', () => {
    const told = 'UNSET is the code of nearly every healthy span';
    expect(lint({ error_status_codes: ['ERROR', 'UNSET'] })).toEqual([`error_status_codes: ${told}`]);
  });
});

describe('a regular expression', () => {
  it.each(['.*', '', '^', '^.*$', '(.*)'])('%j matches all, and is told inside of others too', (value) => {
    const regex = text('r', 'k', ['a', value], { enabled_regex_matching: true });
    const told = `${JSON.stringify(value)} matches every text: the attribute need only be there`;
    expect(listed(regex)).toEqual([`policies.0.string_attribute.values.1: ${told}`]);
    expect(listed(and('x', errors('e'), regex))).toEqual([
      `policies.0.and.and_sub_policy.1.string_attribute.values.1: ${told}`,
    ]);
  });

  it('is not told where it says something, or is no regular expression', () => {
    expect(listed(text('r', 'k', ['a.*', '.+\\.json'], { enabled_regex_matching: true }))).toEqual([]);
    expect(listed(text('r', 'k', ['.*']))).toEqual([]);
  });
});

describe('what a stranger writes', () => {
  it('costs no more than it may: 100 policies of a thousand texts', () => {
    const values = (at: number) => Array.from({ length: 1000 }, (_, i) => `text ${at} ${i}`);
    const policies = Array.from({ length: 100 }, (_, at) => text(`p${at}`, 'k', values(at)));
    const from = performance.now();
    expect(listed(...policies)).toEqual([]);
    expect(performance.now() - from).toBeLessThan(10_000);
  });
});

describe('implication', () => {
  const about = new Implication();
  const any = (min: number) => ({ op: 'any' as const, span: { op: 'duration' as const, ns: { min } } });

  it('knows ranges, with and without their ends', () => {
    expect(about.implies(any(5), any(3))).toBe(true);
    expect(about.implies(any(3), any(5))).toBe(false);
    const open = { op: 'any' as const, span: { op: 'duration' as const, ns: { min: 5, minExclusive: true } } };
    expect([about.implies(open, any(5)), about.implies(any(5), open)]).toEqual([true, false]);
  });

  it('goes through and, or, not', () => {
    const [a, b] = [any(9), { op: 'spans' as const, count: { min: 4 } }];
    const both = { op: 'and' as const, of: [a, b] };
    const either = { op: 'or' as const, of: [a, b] };
    expect([about.implies(both, a), about.implies(a, both)]).toEqual([true, false]);
    expect([about.implies(a, either), about.implies(either, a)]).toEqual([true, false]);
    expect(about.implies(both, either)).toBe(true);
    const not = (of: typeof a) => ({ op: 'not' as const, of });
    expect([about.implies(not(any(3)), not(any(5))), about.implies(not(any(5)), not(any(3)))]).toEqual([true, false]);
  });
});

describe('shadow policies', () => {
  const shadowed = (...shadow: PolicyDocument[]) => lint({ error_status_codes: ['ERROR'], shadow });

  it('are told where nothing would be learnt of them', () => {
    expect(shadowed(errors('new'))).toEqual(["shadow.0: says the same as 'errors', which counts already"]);
    expect(shadowed(always('all'))).toEqual(['shadow.0: would keep every trace']);
    expect(shadowed(share('none', 0))).toEqual(['shadow.0: can never hold, so that it would keep nothing']);
    expect(shadowed(text('any', 'k', ['.*'], { enabled_regex_matching: true }))).toEqual([
      expect.stringMatching('^shadow.0.string_attribute.values.0: ".\\*" matches every text'),
    ]);
  });

  it('are passed over where they differ, whatever other shadow policies say', () => {
    expect(shadowed(text('a', 'k', ['v']), text('b', 'k', ['v']), drop('c', errors('e')))).toEqual([]);
  });
});

describe("a tenant's rules", () => {
  it('are told of what is their own, where it stands', () => {
    const twice = [text('one', 'k', ['a']), text('two', 'k', ['a', 'b'])];
    const found = lint({
      error_status_codes: ['ERROR'],
      policies: [errors('mine')],
      tenants: {
        shop: { policies: twice },
        bank: { latency_threshold_ms: 500 },
        none: { policies: [], error_status_codes: null },
      },
    });
    expect(found).toEqual([
      "policies.0: says the same as 'errors'",
      "tenants.shop.policies.0: keeps nothing that 'two' does not keep as well",
      'tenants.none: no policy keeps anything',
    ]);
  });
});

describe('limits that no trace, or hardly one, keeps within', () => {
  const limit = (type: string, block: object) => listed(policy('it', type, block), errors('other'));

  it.each<[string, object, string]>([
    [
      'rate_limiting',
      { spans_per_second: 0.4 },
      '0.rate_limiting.spans_per_second: never keeps anything: its bucket holds 0.8 spans (twice the rate, without burst_capacity)',
    ],
    [
      'rate_limiting',
      { spans_per_second: 2 },
      '0.rate_limiting.spans_per_second: keeps no trace of more than 4 spans: ',
    ],
    [
      'rate_limiting',
      { spans_per_second: 100, burst_capacity: 3 },
      '0.rate_limiting.spans_per_second: keeps no trace of more than 3 spans: its bucket holds 3 spans (burst_capacity)',
    ],
    [
      'bytes_limiting',
      { bytes_per_second: 15 },
      '0.bytes_limiting.bytes_per_second: never keeps anything: its bucket holds 30 bytes',
    ],
    [
      'bytes_limiting',
      { bytes_per_second: 900 },
      '0.bytes_limiting.bytes_per_second: keeps no trace of more than 1800 bytes: ',
    ],
    [
      'per_key_rate',
      { spans_per_second: 0.1 },
      '0.per_key_rate.spans_per_second: keeps no trace of more than 1 spans: ',
    ],
    [
      'composite',
      {
        max_total_spans_per_second: 50,
        composite_sub_policy: [always('a'), always('b')],
        rate_allocation: [{ policy: 'b', percent: 1 }],
      },
      '0.composite.composite_sub_policy.1: never keeps anything: its bucket holds 0.5 spans (its part of a second)',
    ],
    [
      'and',
      { and_sub_policy: [text('e', 'k', ['v']), policy('r', 'rate_limiting', { spans_per_second: 0.3 })] },
      '0.and.and_sub_policy.1.rate_limiting.spans_per_second: never keeps anything: ',
    ],
  ])('are told with the figure: %s %j', (type, block, told) => {
    expect(limit(type, block)).toEqual([expect.stringContaining(`policies.${told}`)]);
  });

  it.each<[string, object]>([
    ['rate_limiting', { spans_per_second: 0.4, burst_capacity: 100 }],
    ['rate_limiting', { spans_per_second: 5 }],
    ['bytes_limiting', { bytes_per_second: 1000 }],
    ['per_key_rate', { traces_per_second: 0.01 }],
    ['composite', { max_total_spans_per_second: 50, composite_sub_policy: [always('a'), always('b')] }],
  ])('are not told where there is room: %s %j', (type, block) => {
    expect(limit(type, block)).toEqual([]);
  });
});
