import { describe, expect, it } from 'vitest';
import { compileRules } from '../../../src/decide/compile.ts';
import { decide, undecided } from '../../../src/decide/decide.ts';
import { factsOf } from '../../support/facts.ts';
import { attribute } from '../../support/otlp.ts';
import { requestBytes, type Told } from '../../support/spans.ts';
import { compiled, noRules, Story } from '../../support/story.ts';

/**
 * The conformance cases of a tail sampler that concern policies, by number. Limiters and composite, 18, 19 and 24, have
 * tests of their own.
 */

type Block = Readonly<Record<string, unknown>>;
const policy = (type: string, block?: Block, name: string = type) => ({ name, type, ...(block && { [type]: block }) });
const decided = (policies: readonly ReturnType<typeof policy>[], ...spans: Told[]): Story => {
  const story = new Story({ rules: { policies } });
  for (const span of spans) story.send(span);
  return story.after(10_000);
};
const keeps = (type: string, block: Block | undefined, ...spans: Omit<Told, 'trace'>[]): boolean =>
  decided([policy(type, block)], ...spans.map((span) => ({ ...span, trace: 'a' }))).left().length === spans.length;
const problemsOf = (...policies: ReturnType<typeof policy>[]): string[] => {
  const result = compileRules({ ...noRules, policies }, 'home', { debug: false });
  return 'problems' in result ? result.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
};

const t0 = 1_790_000_000_000;
/** A span from one millisecond of the trace to another. */
const from = (start: number, end: number, more: Partial<Told> = {}) => ({
  startMs: t0 + start,
  durationMs: end - start,
  ...more,
});

it('case 1: always_sample: one span leaves once, at the end of its wait and not before', () => {
  const story = new Story({ rules: { policies: [policy('always_sample')] } });
  story.send({ trace: 'a' });
  expect(story.after(9_999).left()).toHaveLength(0);
  expect(story.after(1).left()).toHaveLength(1);
  expect(story.after(100_000).left()).toHaveLength(1);
  expect(story.traces('kept')).toBe(1);
});

describe('latency', () => {
  it.each([
    [from(1_500, 5_000), false],
    [from(1_500, 5_001), true],
    [from(1_500, 5_000.9), false],
  ])('case 2: the lower bound is exclusive: two spans that end at %j ms', (second, kept) => {
    expect(keeps('latency', { threshold_ms: 5_000 }, from(0, 2_000), second)).toBe(kept);
  });

  it.each([
    [100, false],
    [101, true],
    [200, true],
    [201, false],
  ])('case 3: a band has its upper bound in it: %d ms', (duration, kept) => {
    expect(keeps('latency', { threshold_ms: 100, upper_threshold_ms: 200 }, from(0, duration))).toBe(kept);
  });

  it('case 4: a band is asked of the whole trace, whatever came first', () => {
    const band = { threshold_ms: 0, upper_threshold_ms: 50 };
    expect(keeps('latency', band, from(0, 50), from(0, 5_000))).toBe(false);
    expect(keeps('latency', band, from(0, 5_000), from(0, 50))).toBe(false);
    expect(keeps('latency', band, from(0, 20), from(10, 50))).toBe(true);
  });

  it('case 5: gaps between spans count, and children beside each other do not add up', () => {
    expect(keeps('latency', { threshold_ms: 1_000 }, from(0, 1), from(1_500, 1_501))).toBe(true);
    expect(keeps('latency', { threshold_ms: 1_000 }, from(0, 600), from(100, 700), from(200, 800))).toBe(false);
  });

  it('case 6: a child that ends after its root counts; an end before a start, or a time of 0, does not', () => {
    const root = from(0, 100, { id: 'r' });
    expect(keeps('latency', { threshold_ms: 500 }, root, from(50, 700, { parent: 'r' }))).toBe(true);
    expect(keeps('latency', { threshold_ms: 500 }, root, from(900, 100))).toBe(false);
    expect(keeps('latency', { threshold_ms: 500 }, root, { startMs: 0, durationMs: t0 + 100 })).toBe(false);
    expect(keeps('latency', { threshold_ms: 500 }, from(0, 501), { startMs: 0, durationMs: 0 })).toBe(true);
    expect(keeps('latency', { threshold_ms: 500 }, { startMs: 0, durationMs: t0 })).toBe(false);
  });
});

describe('status_code', () => {
  it('case 7: an error is status ERROR, on whichever span, and nothing else', () => {
    const leaf = { parent: 'x', service: 'stock', status: 'ERROR' as const };
    expect(keeps('status_code', { status_codes: ['ERROR'] }, { id: 'r', status: 'OK' }, leaf)).toBe(true);
    expect(keeps('status_code', { status_codes: ['ERROR'] }, { attributes: { 'http.status_code': 500 } })).toBe(false);
  });

  it.each([[['error']], [[]], [['ERROR', 'FAILED']], ['ERROR'], [undefined]])(
    'case 8: codes %j are refused',
    (status_codes) => {
      expect(problemsOf(policy('status_code', { status_codes }))).toEqual([
        expect.stringMatching(/^policies\.0\.status_code\.status_codes: .*expected a list of ERROR, OK, UNSET/),
      ]);
    },
  );
});

describe('numeric_attribute', () => {
  const status = (value: number | string) => ({ attributes: { status: value } });
  it.each([
    [
      { min_value: 400, max_value: 499 },
      { 399: false, 400: true, 499: true, 500: false },
    ],
    [{ min_value: 400 }, { 399: false, 400: true, 1000000000: true }],
    [{ max_value: 0 }, { [-1]: true, 0: true, 1: false }],
    [
      { min_value: 0, max_value: 5 },
      { [-1]: false, 0: true, 5: true },
    ],
  ])('case 9: %j has both its ends in it, and 0 is a bound like another', (bounds, expected) => {
    for (const [value, kept] of Object.entries(expected))
      expect([value, keeps('numeric_attribute', { key: 'status', ...bounds }, status(Number(value)))]).toEqual([
        value,
        kept,
      ]);
  });

  it('case 10: a double is compared as it is, and a text is no number', () => {
    const block = { key: 'status', min_value: 450, max_value: 451 };
    expect(keeps('numeric_attribute', block, status(450.5))).toBe(true);
    expect(keeps('numeric_attribute', block, status(451.5))).toBe(false);
    expect(keeps('numeric_attribute', block, status('450'))).toBe(false);
    expect(keeps('numeric_attribute', { key: 'status', min_value: -1, max_value: 1 }, status('450'))).toBe(false);
  });

  it('has bounds as the YAML of a Collector may write them', () => {
    const block = { key: 'status', min_value: '1_000', max_value: '1_000_000' };
    expect([keeps('numeric_attribute', block, status(1_000)), keeps('numeric_attribute', block, status(999))]).toEqual([
      true,
      false,
    ]);
    for (const min_value of ['1000', '1__0', '_1', '1_', '1_0.5'])
      expect(problemsOf(policy('numeric_attribute', { key: 'a', min_value }))).toHaveLength(1);
  });

  it('is refused without a bound, and where no number lies between', () => {
    expect(problemsOf(policy('numeric_attribute', { key: 'a' }))[0]).toContain('expected min_value, max_value or both');
    expect(problemsOf(policy('numeric_attribute', { key: 'a', min_value: 2, max_value: 1 }))[0]).toContain(
      '1 is less than min_value',
    );
  });
});

describe('string_attribute', () => {
  const block = { key: 'tier', values: ['gold', ''] };
  it('case 11: case counts, a resource does, an event does not, nothing is like an empty value', () => {
    expect(keeps('string_attribute', block, { attributes: { tier: 'gold' } })).toBe(true);
    expect(keeps('string_attribute', block, { attributes: { tier: 'Gold' } })).toBe(false);
    expect(keeps('string_attribute', block, { resource: { tier: 'gold' } })).toBe(true);
    expect(keeps('string_attribute', block, { attributes: { tier: '' } })).toBe(false);
    const event = Buffer.from('5a14' + '1a12' + '0a0474696572' + '12060a04676f6c64', 'hex');
    expect(keeps('string_attribute', block, { unknown: event })).toBe(false);
    expect(problemsOf(policy('string_attribute', { key: 'tier', values: [''] }))).toHaveLength(1);
  });

  it('case 12: a regular expression looks anywhere in the text unless it is anchored; a wrong one is refused', () => {
    const paths = (value: string) => ({
      key: 'path',
      values: [value],
      enabled_regex_matching: true,
      cache_max_size: 5,
    });
    const healthz = { attributes: { path: '/healthz' } };
    expect(keeps('string_attribute', paths('/health'), healthz)).toBe(true);
    expect(keeps('string_attribute', paths('^/health$'), healthz)).toBe(false);
    expect(keeps('string_attribute', paths('x|lth[a-z]$'), { resource: healthz.attributes })).toBe(true);
    expect(keeps('string_attribute', paths('.*'), { attributes: { path: '' } }, { attributes: { path: 7 } })).toBe(
      false,
    );
    expect(
      problemsOf(policy('string_attribute', { key: 'path', values: ['ok', '(a'], enabled_regex_matching: true })),
    ).toEqual([expect.stringMatching(/^policies\.0\.string_attribute\.values\.1: /)]);
  });
});

describe('boolean_attribute', () => {
  it('case 13: false is not what is not there, nor what is no boolean', () => {
    const block = { key: 'cached', value: false };
    expect(keeps('boolean_attribute', block, { attributes: { cached: false } })).toBe(true);
    expect(keeps('boolean_attribute', block, {})).toBe(false);
    expect(keeps('boolean_attribute', block, { attributes: { cached: 'no' } })).toBe(false);
    expect(keeps('boolean_attribute', block, { attributes: { cached: true } })).toBe(false);
  });
});

describe('invert_match', () => {
  it.each([
    ['string_attribute', { key: 'k', values: ['x'] }, 'x', 'y'],
    ['numeric_attribute', { key: 'k', min_value: 1, max_value: 3 }, 2, 4],
    ['boolean_attribute', { key: 'k', value: true }, true, false],
  ])('of %s: no span and no resource of the trace is so', (type, block, yes, no) => {
    const inverted = { ...block, invert_match: true };
    expect(keeps(type, inverted, { attributes: { k: no } }, {})).toBe(true);
    expect(keeps(type, inverted, { attributes: { k: no } }, { attributes: { k: yes } })).toBe(false);
    expect(keeps(type, inverted, { attributes: { k: no } }, { resource: { k: yes } })).toBe(false);
  });
});

it('case 14: a tracestate member on the last span keeps the trace, and so does one sampled flag', () => {
  const block = { key: 'k', values: ['v1', 'v2'] };
  expect(keeps('trace_state', block, {}, { traceState: 'other=x' }, { traceState: 'other=x,k=v2' })).toBe(true);
  expect(keeps('trace_state', block, { traceState: 'k=v3' }, { traceState: 'other=v2' })).toBe(false);
  expect(keeps('trace_flags', undefined, { flags: 0x100 }, { flags: 0x101 })).toBe(true);
  expect(keeps('trace_flags', undefined, { flags: 0x100 }, {})).toBe(false);
});

it.each([
  [1, false],
  [2, true],
  [3, true],
  [4, false],
])('case 15: span_count 2 to 3 counts every span of every service: %d', (count, kept) => {
  const spans = Array.from({ length: count }, (_, i) => ({ service: `s${i}` }));
  expect(keeps('span_count', { min_spans: 2, max_spans: 3 }, ...spans)).toBe(kept);
  expect(keeps('span_count', { min_spans: 2 }, ...spans)).toBe(count >= 2);
});

describe('probabilistic', () => {
  /** Ids that a generator with a seed has made (xorshift). */
  const ids = Array.from({ length: 100_000 }).map(
    ((x) => () => {
      let hex = '';
      for (let word = 0; word < 4; word++) {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        hex += (x >>> 0).toString(16).padStart(8, '0');
      }
      return hex;
    })(0x9e3779b9 | 1),
  );
  /** Decided as such: a hundred thousand ways through all of a gateway would take long. */
  const keptOf = (block: Block, of = ids): Set<string> => {
    const set = compiled({ policies: [policy('probabilistic', block)] });
    const verdict = undecided();
    return new Set(
      of.filter((traceId) => {
        const id = Int32Array.from({ length: 4 }, (_, i) => Number.parseInt(traceId.slice(i * 8, i * 8 + 8), 16));
        decide(set, factsOf({ id, randomnessHigh: id[2]! & 0xffffff, randomnessLow: id[3]! >>> 0 }), verdict);
        return verdict.keep;
      }),
    );
  };

  it.each([[{}], [{ hash_salt: 'a' }]])(
    'case 16: the way through a gateway ends with the same verdicts: %j',
    (salt) => {
      const few = ids.slice(0, 500);
      const block = { sampling_percentage: 30, ...salt };
      const story = new Story({ rules: { policies: [policy('probabilistic', block)] } });
      story.sendBytes(requestBytes(...few.map((trace) => ({ trace, name: '' }))));
      const left = story.after(10_000).left();
      expect(new Set(left.map(({ traceId }) => traceId))).toEqual(keptOf(block, few));
    },
  );

  it.each([[{}], [{ hash_salt: 'a' }]])('case 16: 0 keeps none, 100 all, 10 a tenth within 0.2 points: %j', (salt) => {
    const few = ids.slice(0, 2_000);
    expect(keptOf({ sampling_percentage: 0, ...salt }, few).size).toBe(0);
    expect(keptOf({ sampling_percentage: 100, ...salt }, few).size).toBe(2_000);
    const share = keptOf({ sampling_percentage: 10, ...salt }).size / ids.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.002);
  });

  it('case 16: the same id has the same verdict again, and other salts other ones', () => {
    const few = ids.slice(0, 4_000);
    const kept = (hash_salt: string) => keptOf({ sampling_percentage: 50, hash_salt }, few);
    expect(kept('a')).toEqual(kept('a'));
    const [a, b] = [kept('a'), kept('b')];
    const common = [...a].filter((id) => b.has(id)).length;
    expect(Math.abs(common / few.length - 0.25)).toBeLessThan(0.04);
  });

  it.each([[{}], [{ hash_salt: 'a' }]])('case 17: a smaller share is a part of a larger one: %j', (salt) => {
    const few = ids.slice(0, 4_000);
    const [small, large] = [5, 40].map((percent) => keptOf({ sampling_percentage: percent, ...salt }, few));
    expect(small!.size).toBeGreaterThan(0);
    expect(large!.size).toBeGreaterThan(small!.size);
    expect([...small!].every((id) => large!.has(id))).toBe(true);
  });
});

describe('policies of policies', () => {
  const service = (name: string) => policy('string_attribute', { key: 'service.name', values: [name] });
  const slow = policy('span_latency', { threshold_ms: 1_000 });
  const a = { service: 'A', durationMs: 5 };
  const b = { service: 'B', durationMs: 5_000 };

  it('case 20: what and asks for may be of different spans, unless one must be all of it', () => {
    const block = { and_sub_policy: [service('A'), slow] };
    expect(keeps('and', block, a, b)).toBe(true);
    expect(keeps('and', { ...block, same_span: true }, a, b)).toBe(false);
    expect(keeps('and', { ...block, same_span: true }, a, { ...b, service: 'A' })).toBe(true);
    const notB = policy('not', { not_sub_policy: service('B') });
    expect(keeps('and', { and_sub_policy: [notB, slow], same_span: true }, a, b)).toBe(false);
    expect(keeps('and', { and_sub_policy: [notB, slow], same_span: true }, { ...a, durationMs: 2_000 }, b)).toBe(true);
    const whole = { and_sub_policy: [slow, policy('span_count', { min_spans: 2 })], same_span: true };
    expect(problemsOf(policy('and', whole))).toEqual([
      'policies.0.and.and_sub_policy.1: span_count says something of the whole trace: not possible with same_span',
    ]);
  });

  it('case 21: not keeps what the policy inside would not', () => {
    const block = { not_sub_policy: policy('status_code', { status_codes: ['ERROR'] }) };
    expect(keeps('not', block, { status: 'ERROR' }, {})).toBe(false);
    expect(keeps('not', block, { status: 'OK' }, {})).toBe(true);
  });

  const health = policy('string_attribute', { key: 'path', values: ['/health'] });
  const errors = policy('status_code', { status_codes: ['ERROR'] });

  it('case 22: a drop beats every keep, and says that it was it', () => {
    const drop = policy('drop', { drop_sub_policy: [health] }, 'no health checks');
    for (const policies of [
      [errors, drop],
      [drop, errors],
    ]) {
      const story = decided(policies, { trace: 'a', status: 'ERROR', attributes: { path: '/health' } });
      expect(story.left()).toEqual([]);
      expect(story.traces('dropped')).toBe(1);
      expect(story.explain('a')).toMatchObject({ verdict: 'drop', policy: 'no health checks' });
    }
  });

  it('case 23: a drop of which only a part holds has no effect', () => {
    const drop = policy('drop', { drop_sub_policy: [health, policy('span_count', { min_spans: 2 })] });
    const span = { trace: 'a', status: 'ERROR' as const, attributes: { path: '/health' } };
    expect(decided([drop, errors], span).left()).toHaveLength(1);
    expect(decided([drop, errors], span, { trace: 'a' }).left()).toEqual([]);
  });

  it('case 25: two that keep give one output, and the first in order is named; a drop counts before both', () => {
    const all = policy('always_sample');
    const span = { trace: 'a', status: 'ERROR' as const, attributes: { path: '/health' } };
    const story = decided([errors, all], span);
    expect(story.left()).toHaveLength(1);
    expect(attribute(story.left()[0]!, 'tailgate.policy')).toBe('status_code');
    expect(attribute(decided([all, errors], span).left()[0]!, 'tailgate.policy')).toBe('always_sample');
    expect(decided([all, policy('drop', { drop_sub_policy: [health] })], span).left()).toEqual([]);
  });

  it('may hold each other however deep, with mistakes told where they stand', () => {
    const wrong = policy('span_count', { min_spans: -1 });
    const deep = policy('and', {
      and_sub_policy: [policy('not', { not_sub_policy: policy('and', { and_sub_policy: [wrong] }) })],
    });
    expect(problemsOf(deep)).toEqual([
      expect.stringMatching(
        /^policies\.0\.and\.and_sub_policy\.0\.not\.not_sub_policy\.and\.and_sub_policy\.0\.span_count\.min_spans: /,
      ),
    ]);
    expect(problemsOf(policy('and', { and_sub_policy: [] }))).toHaveLength(1);
    expect(problemsOf(policy('not', {}))).toHaveLength(1);
    const drop = policy('drop', { drop_sub_policy: [policy('always_sample')] });
    expect(problemsOf(policy('not', { not_sub_policy: drop }))).toHaveLength(1);
  });
});

it('case 26: a condition that has no value takes its own policy away, and no other', () => {
  const broken = policy('ottl_condition', { error_mode: 'propagate', span: ['Int(attributes["n"]) > 1'] }, 'broken');
  const span = { trace: 'a', attributes: { n: 'no number' } };
  expect(decided([broken], span).left()).toEqual([]);
  const story = decided([broken, policy('always_sample')], span);
  expect(story.left()).toHaveLength(1);
  expect(story.explain('a')).toMatchObject({ policy: 'always_sample' });
  expect(decided([broken], { trace: 'a', attributes: { n: '5' } }).left()).toHaveLength(1);
});

it('case 27: where no policy keeps a trace it is dropped, and a list without policies keeps nothing', () => {
  const story = decided([policy('status_code', { status_codes: ['ERROR'] })], { trace: 'a' });
  expect(story.left()).toEqual([]);
  expect(story.explain('a')).toMatchObject({ verdict: 'drop', policy: 'none' });
  expect(decided([], { trace: 'a', status: 'ERROR' }).left()).toEqual([]);
  expect(compiled({}).policies).toEqual([]);
});

describe('our own', () => {
  it('route finds paths in every convention, templates and prefixes', () => {
    const block = { routes: ['/login', '/users/{id}', '/files/*'] };
    for (const attributes of [
      { 'http.route': '/login' },
      { 'url.path': '/users/7' },
      { 'http.url': 'http://a/files/x?y' },
    ])
      expect(keeps('route', block, {}, { attributes })).toBe(true);
    expect(keeps('route', block, { attributes: { 'url.path': '/users/7/orders' } })).toBe(false);
    for (const routes of [[], ['login'], '/login', undefined])
      expect(problemsOf(policy('route', { routes }))).toHaveLength(1);
  });

  it('span_latency asks each span alone, of some services, routes and kinds only', () => {
    const [server, client] = [2, 3];
    const span = { service: 'A', kind: server, durationMs: 500.5, attributes: { 'url.path': '/login' } };
    const asks = (more: Block) => ({ threshold_ms: 500, ...more });
    expect(keeps('span_latency', asks({}), span, from(0, 1), from(9_000, 9_001))).toBe(true);
    expect(keeps('span_latency', asks({}), from(0, 500), from(9_000, 9_001))).toBe(false);
    expect(keeps('span_latency', asks({ upper_threshold_ms: 500.4 }), span)).toBe(false);
    const all = { services: ['A', 'C'], routes: ['/login'], kinds: ['SERVER'] };
    expect(keeps('span_latency', asks(all), span)).toBe(true);
    for (const other of [{ service: 'B' }, { kind: client }, { attributes: {} }, { durationMs: 3 }])
      expect(keeps('span_latency', asks(all), { ...span, ...other }, { ...span, durationMs: 1 })).toBe(false);
    expect(problemsOf(policy('span_latency', { kinds: ['server'] }))).toHaveLength(2);
  });
});
