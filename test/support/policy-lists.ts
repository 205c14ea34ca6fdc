import fc from 'fast-check';
import type { PolicyDocument } from '../../src/model/rules.ts';
import type { Told } from './spans.ts';

/** Policies and traces out of few words, so that they often meet. */
const words = ['gold', 'silver', 'Gold', 'gold/1', ''];
const text = fc.constantFrom(...words);
const patterns = ['gold', '^gold$', '(?i)GOLD', 'gold/\\d', 's[h-j]l.er$', '^.+$', '.*'];
const numberKeys = ['http.status', 'retries'];
const textKeys = ['tier', 'region', 'path'];
const booleanKeys = ['cached', 'paid'];
const numbers = [-5, 1, 3, 200, 399, 400, 404, 499, 500, 1_000_000];

const block = (type: string, parameters: fc.Arbitrary<object> | undefined): fc.Arbitrary<object> =>
  parameters ? parameters.map((values) => ({ type, [type]: values })) : fc.constant({ type });

/** Two numbers in order, or one of them. */
const ordered = (numbers: readonly number[], min: string, max: string) =>
  fc
    .tuple(fc.constantFrom(...numbers), fc.constantFrom(...numbers), fc.constantFrom('min', 'max', 'both'))
    .map(([a, b, which]) => ({
      ...(which !== 'max' && { [min]: Math.min(a, b) }),
      ...(which !== 'min' && { [max]: Math.max(a, b) }),
    }));

/** A Collector whose only bound is 0 ends with a nil pointer when the first trace is decided. */
const isBounded = (block: object) => Object.values(block).some((bound) => bound !== 0);

const inverted = fc.record({ invert_match: fc.boolean() }, { requiredKeys: [] });
const both = (...parts: fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((each) => Object.assign({}, ...each) as object);

const milliseconds = [0, 1, 5, 50, 99, 100, 500, 1000, 5000];

const leaf: fc.Arbitrary<object> = fc.oneof(
  block('always_sample', undefined),
  block('trace_flags', undefined),
  block(
    'latency',
    fc
      .tuple(fc.constantFrom(...milliseconds), fc.constantFrom(0, ...milliseconds))
      .map(([from, to]) => ({ threshold_ms: from, ...(to > from && { upper_threshold_ms: to }) })),
  ),
  block(
    'numeric_attribute',
    both(
      fc.record({ key: fc.constantFrom(...numberKeys) }),
      ordered([...numbers, ...numbers, 0], 'min_value', 'max_value').filter(isBounded),
      inverted,
    ),
  ),
  block(
    'string_attribute',
    both(
      fc.record({
        key: fc.constantFrom(...textKeys),
        values: fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 2 }),
        enabled_regex_matching: fc.constant(true),
      }),
      inverted,
    ),
  ),
  block(
    'string_attribute',
    both(
      fc.record({
        key: fc.constantFrom(...textKeys),
        values: fc
          .tuple(fc.constantFrom('gold', 'silver'), fc.array(text, { maxLength: 2 }))
          .map(([a, more]) => [a, ...more]),
      }),
      inverted,
    ),
  ),
  block('boolean_attribute', both(fc.record({ key: fc.constantFrom(...booleanKeys), value: fc.boolean() }), inverted)),
  block(
    'status_code',
    fc.record({ status_codes: fc.uniqueArray(fc.constantFrom('OK', 'ERROR', 'UNSET'), { minLength: 1 }) }),
  ),
  block(
    'trace_state',
    fc.record({
      key: fc.constantFrom('k', 'vendor'),
      values: fc.uniqueArray(fc.constantFrom('v1', 'v2', 'x'), { minLength: 1 }),
    }),
  ),
  block('span_count', ordered([0, 1, 2, 3, 4, 8], 'min_spans', 'max_spans')),
  block(
    'probabilistic',
    fc.record({
      sampling_percentage: fc.constantFrom(0, 0.5, 10, 33.3, 50, 99.9, 100),
      hash_salt: fc.constantFrom('a', 'another salt', 'default-hash-seed', 'ümlaut'),
    }),
  ),
);

const named = (policies: readonly object[]) => policies.map((policy, index) => ({ name: `p${index}`, ...policy }));
const not = leaf.map((inside) => ({ type: 'not', not: { not_sub_policy: { name: 'inside', ...inside } } }));
const leaves = fc.array(fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: not }), {
  minLength: 1,
  maxLength: 3,
});
const and = leaves.map((inside) => ({ type: 'and', and: { and_sub_policy: named(inside) } }));
const drop = leaves.map((inside) => ({ type: 'drop', drop: { drop_sub_policy: named(inside) } }));

/** A list as a Collector may have it. */
export const policyList: fc.Arbitrary<PolicyDocument[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: leaf },
      { weight: 1, arbitrary: not },
      { weight: 2, arbitrary: and },
      { weight: 1, arbitrary: drop },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((policies) => named(policies) as PolicyDocument[]);

const now = 1_790_000_000_000;
const booleans = [true, false, true, false, true, false];
const number = fc.constantFrom<(string | number)[]>(
  0,
  ...numbers,
  ...numbers,
  ...numbers,
  ...numbers,
  450.5,
  '450',
  '',
);
const attributes = fc.dictionary(fc.constantFrom('other'), fc.constant('x'), { maxKeys: 1 }).chain((base) =>
  fc
    .record(
      {
        'http.status': number,
        retries: number,
        tier: fc.oneof(
          { weight: 6, arbitrary: text },
          { weight: 1, arbitrary: fc.constantFrom<(number | boolean)[]>(7, true) },
        ),
        region: text,
        path: text,
        cached: fc.constantFrom<(string | number | boolean)[]>(...booleans, ...booleans, 'true', 1),
        paid: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    .map((more) => ({ ...base, ...more }) as Record<string, string | number | boolean>),
);

/** Now and then without a start, or without an end. Starts are such that a double has their nanoseconds exactly. */
const times = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      startMs: fc.constantFrom(0, 0, 4, 20, 100, 5_000).map((ms) => now + ms),
      durationMs: fc.constantFrom(0, 0.4, 1, 4.9, 50, 99, 100, 100.7, 500, 501, 5_000, -30),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ startMs: 0, durationMs: now + 3 }, { startMs: now, durationMs: -now }) },
);
const span = fc.record(
  {
    status: fc.constantFrom<('UNSET' | 'OK' | 'ERROR')[]>('UNSET', 'UNSET', 'OK', 'ERROR'),
    flags: fc.constantFrom(0, 0, 0x100, 0x101, 1, 3),
    traceState: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.constantFrom('', 'k=v1', 'vendor=x,k=v2', 'k=v2 , vendor=v1', 'vendor=x y', 'k=v1,,vendor=x'),
      },
      { weight: 1, arbitrary: fc.constantFrom('k=v1,k=v2', 'K=v1', 'k=', 'rubbish') },
    ),
    attributes,
  },
  { requiredKeys: [] },
);

/** Some attributes stand there twice, against the specification: the first of them counts. */
const oddly = fc.tuple(attributes, fc.constantFrom(0, 0, 0, 1, 2));

const spans = fc.tuple(
  fc.array(fc.tuple(both(span, times) as fc.Arbitrary<Omit<Told, 'trace'>>, fc.constantFrom(0, 0, 0, 1)), {
    minLength: 1,
    maxLength: 5,
  }),
  fc.tuple(attributes, attributes),
  oddly,
);

/** The spans of each trace in the order in which they are sent, from two services; the same for the same seed. */
export function tracesOf(seed: number, count: number): Told[][] {
  return fc.sample(spans, { seed, numRuns: count }).map(([each, resources, [again, where]], number) => {
    const trace = `trace ${seed} ${number}`;
    const known = (first: Told['attributes'] = {}) =>
      Object.fromEntries(Object.entries(again).filter(([key]) => key in first));
    const moreOf = resources.map((resource) => known(resource));
    return each.map(([told, from], index) => ({
      ...told,
      ...(where === 1 && { more: known(told.attributes) }),
      ...(where === 2 && { moreOfResource: moreOf[from]! }),
      trace,
      id: `${trace} ${index}`,
      ...(index > 0 && { parent: `${trace} 0` }),
      service: `service-${from}`,
      resource: resources[from]!,
    }));
  });
}

export const policyListsOf = (seed: number, count: number): PolicyDocument[][] =>
  fc.sample(policyList, { seed, numRuns: count });
