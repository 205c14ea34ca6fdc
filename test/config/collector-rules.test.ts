import { describe, expect, it } from 'vitest';
import { defaultRules, mergeLayers, parseRules } from '../../src/config/rules.ts';
import { parseKeys } from '../../src/config/rules-keys.ts';
import { compileRules } from '../../src/decide/compile.ts';

const read = (text: string) => {
  const parsed = parseRules(text, 'otel.yaml');
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return mergeLayers([parsed.layer]);
};
const errors = (text: string) => {
  const parsed = parseRules(text, 'otel.yaml');
  return 'errors' in parsed ? parsed.errors : [];
};

const file = `
receivers: { otlp: { protocols: { grpc: {} } } }
processors:
  batch: {}
  tail_sampling:
    decision_wait: 30s
    num_traces: 100
    expected_new_traces_per_sec: 10
    sample_on_first_match: true
    decision_cache: { sampled_cache_size: 100_000 }
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: all, type: always_sample }
exporters: { debug: {} }
service: { pipelines: { traces: { receivers: [otlp], processors: [tail_sampling, batch], exporters: [debug] } } }
`;
const policies = [
  { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
  { name: 'all', type: 'always_sample' },
];
const off = {
  ...defaultRules,
  baseline_percent: null,
  latency_threshold_ms: null,
  error_status_codes: null,
  routes: null,
};

describe("a Collector's configuration as the rules file", () => {
  it('gives the policies of its tail_sampling alone: our own knobs are off, and their names free', () => {
    expect(read(file).document).toEqual({ ...off, policies });
  });

  it('may be the block under its name, also one of its own, or what is in it', () => {
    const list = '[{ name: all, type: always_sample }]';
    for (const text of [
      `tail_sampling: { policies: ${list} }`,
      `tail_sampling/second: { num_traces: 5, policies: ${list} }`,
      `processors: { "tail_sampling/x": { policies: ${list} } }`,
      `decision_wait: 10s\npolicies: ${list}`,
    ]) {
      expect(read(text).document).toEqual({ ...off, policies: policies.slice(1) });
    }
  });

  it('is not what our own document is: there the knobs stay', () => {
    expect(read('policies: [{ name: all, type: always_sample }]').document).toEqual({
      ...defaultRules,
      policies: policies.slice(1),
    });
  });

  it('has a note for each thing beside the policies: set elsewhere, not needed, or not supported', () => {
    expect(read(file).notes).toEqual([
      'receivers, exporters, service: not rules: the boot file says what is received, changed and exported',
      'processors.batch: not rules: the boot file says what is received, changed and exported',
      'processors.tail_sampling.decision_wait: set elsewhere: buffer.decision_wait in the boot file (here "30s")',
      'processors.tail_sampling.num_traces: not needed here: what waits is bounded in bytes, by buffer.max_bytes in the boot file',
      'processors.tail_sampling.expected_new_traces_per_sec: not needed here: memory is taken as it is used',
      'processors.tail_sampling.sample_on_first_match: not needed here: the verdict is the same; every policy is asked, so that each vote can be explained',
      expect.stringMatching(
        /^processors.tail_sampling.decision_cache: set elsewhere: buffer.remembered_decisions in the boot file \(here .*\): kept and dropped traces together$/,
      ),
    ]);
    const of = (text: string) =>
      read(`tail_sampling: { policies: [{ name: a, type: always_sample }], ${text} }`).notes[0];
    expect(of('sampling_strategy: span-ingest')).toContain('not supported: a trace is decided once');
    expect(of('sampling_strategy: trace-complete')).toContain('not needed here');
    expect(of('drop_pending_traces_on_shutdown: true')).toContain('not supported');
    expect(of('tail_storage: pebble')).toContain('not supported');
  });

  it('has its mistakes told where they stand', () => {
    expect(errors(file.replace('num_traces', 'num_trace'))).toEqual([
      'otel.yaml:7: processors.tail_sampling.num_trace: unknown key, did you mean num_traces?',
    ]);
    expect(errors(file.replace('always_sample', 'allways_sample').replace('name: errors', 'nam: errors'))).toEqual([
      expect.stringContaining('otel.yaml:12: processors.tail_sampling.policies[0].name: missing'),
      expect.stringContaining(
        "otel.yaml:13: processors.tail_sampling.policies[1].type: unknown policy type 'allways_sample'; did you mean",
      ),
    ]);
    const parsed = parseRules(file, 'otel.yaml');
    if ('errors' in parsed) throw new Error();
    expect(parsed.layer.report([{ path: ['policies', 1, 'type'], message: 'x' }])).toEqual([
      'otel.yaml:13: processors.tail_sampling.policies[1].type: x',
    ]);
  });

  it.each([
    ['processors: { batch: {} }', 'otel.yaml:1: processors: expected tail_sampling among them'],
    ['processors: { tail_sampling: {}, tail_sampling/b: {} }', 'otel.yaml:1: processors: 2 of tail_sampling'],
    ['tail_sampling: { policies: [] }', 'otel.yaml:1: tail_sampling.policies: expected at least one policy'],
    ['tail_sampling: {}', 'otel.yaml:1: tail_sampling.policies: expected at least one policy'],
    ['tail_sampling: 5', 'otel.yaml:1: tail_sampling: expected a block with policies'],
    ['tail_sampling: { policies: 5 }', 'otel.yaml:1: tail_sampling.policies: 5: expected a list'],
    ['tail_sampling: { policies: [{ name: none, type: always_sample }] }', 'policies[0].name: "none": expected a name'],
  ])('is refused: %s', (text, message) => {
    const found = errors(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('is a layer below Consul like another: a key there puts a knob on again', () => {
    const parsed = parseRules(file, 'otel.yaml');
    const keys = parseKeys([{ key: 'baseline_percent', value: '5' }], 'p/home');
    if ('errors' in parsed || 'errors' in keys) throw new Error();
    const { document } = mergeLayers([parsed.layer, keys.layer]);
    expect(document).toEqual({ ...off, policies, baseline_percent: 5 });
    expect(compileRules(document, 'home', { debug: false })).toHaveProperty('policies');
    const twice = compileRules({ ...document, error_status_codes: ['ERROR'] }, 'home', { debug: false });
    const message = '"errors" is the name of a field that is on';
    expect(twice).toEqual({ problems: [{ path: ['policies', 0, 'name'], message }] });
  });
});

/** A list with every type that the Collector has (v0.161.0), each with all its parameters. */
const everything = `
processors:
  tail_sampling:
    policies:
      - { name: a, type: always_sample }
      - { name: b, type: latency, latency: { threshold_ms: 5_000, upper_threshold_ms: 10000 } }
      - { name: c, type: numeric_attribute, numeric_attribute: { key: n, min_value: 50, max_value: 100, invert_match: true } }
      - { name: d, type: probabilistic, probabilistic: { sampling_percentage: 0.1, hash_salt: here } }
      - { name: e, type: status_code, status_code: { status_codes: [ERROR, UNSET] } }
      - name: f
        type: string_attribute
        string_attribute:
          { key: k, values: ['v\\d+', w], enabled_regex_matching: true, cache_max_size: 10, invert_match: true }
      - { name: g, type: rate_limiting, rate_limiting: { spans_per_second: 35, burst_capacity: 100 } }
      - { name: h, type: bytes_limiting, bytes_limiting: { bytes_per_second: 1000, burst_capacity: 5000 } }
      - { name: i, type: span_count, span_count: { min_spans: 2, max_spans: 20 } }
      - { name: j, type: trace_state, trace_state: { key: k, values: [v, w] } }
      - { name: k, type: boolean_attribute, boolean_attribute: { key: k, value: true, invert_match: true } }
      - name: l
        type: ottl_condition
        ottl_condition:
          error_mode: ignore
          span: ['attributes["a"] == "b"', 'resource.attributes["c"] != nil']
          spanevent: ['name != "d"']
      - { name: m, type: trace_flags }
      - name: n
        type: and
        and:
          and_sub_policy:
            - { name: n1, type: latency, latency: { threshold_ms: 5 } }
            - { name: n2, type: not, not: { not_sub_policy: { name: n3, type: always_sample } } }
      - { name: o, type: not, not: { not_sub_policy: { type: trace_flags } } }
      - { name: p, type: drop, drop: { drop_sub_policy: [{ name: p1, type: always_sample }] } }
      - name: q
        type: composite
        composite:
          max_total_spans_per_second: 1000
          policy_order: [q2, q1]
          composite_sub_policy: [{ name: q1, type: always_sample }, { name: q2, type: trace_flags }]
          rate_allocation: [{ policy: q1, percent: 50 }, { policy: q2, percent: 25 }]
`;

it('a list with every type that the Collector has is taken as it is', () => {
  const { document } = read(everything);
  const result = compileRules(document, 'home', { debug: false });
  expect(result).toMatchObject({ policies: { policies: [...'abcdefghijklmnopq'].map((name) => ({ name })) } });
  expect(new Set(document.policies.map(({ type }) => type)).size).toBe(17);
});
