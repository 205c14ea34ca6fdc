import { describe, expect, it } from 'vitest';
import { metrics } from '../../src/telemetry/metrics.ts';

/** The names of the contract's table, with their labels: dashboards and alerts of others stand on these. */
const promised: Record<string, string[]> = {
  received_spans_total: ['protocol'],
  received_bytes_total: ['protocol'],
  received_requests_total: ['protocol'],
  refused_requests_total: ['reason'],
  refused_bytes_total: ['reason'],
  outcome_spans_total: ['outcome', 'policy'],
  outcome_traces_total: ['outcome', 'policy'],
  waiting_spans: [],
  waiting_traces: [],
  buffer_bytes: [],
  buffer_limit_bytes: [],
  memory_bytes: ['part'],
  decision_lateness_seconds: [],
  exported_spans_total: ['exporter'],
  export_queue_spans: ['exporter'],
  export_queue_bytes: ['exporter'],
  export_failed_spans_total: ['exporter', 'reason'],
  rules_info: ['source', 'revision', 'hash'],
  rules_last_load_success: [],
  rules_last_load_timestamp_seconds: [],
  rules_loads_total: ['result'],
  rules_source_age_seconds: [],
  shadow_traces_total: ['policy', 'vote'],
};

describe('the table of metrics', () => {
  it('has every metric that was promised, with its labels', () => {
    const labelsByName = new Map(metrics.map(({ name, labels }) => [name, labels]));
    for (const [name, labels] of Object.entries(promised))
      expect(labelsByName.get(`tailgate_${name}`), name).toEqual(labels);
  });

  // The rules of `promtool check metrics` (Prometheus, "Metric and label naming").
  it.each(metrics.map((metric) => [metric.name, metric] as const))(
    '%s is named as Prometheus wants it',
    (name, metric) => {
      expect(name).toMatch(/^tailgate_[a-z][a-z0-9_]*$/);
      expect(name.endsWith('_total')).toBe(metric.type === 'counter');
      expect(name).not.toMatch(/_(bucket|sum|count)$|__/);
      expect(name).not.toMatch(/_(milliseconds|ms|microseconds|minutes|kilobytes|megabytes|mib|percent)(_|$)/);
      expect(name).not.toMatch(/_(counter|gauge|histogram|metric)(_|$)/);
      if (/_(seconds|bytes)/.test(name)) expect(name).toMatch(/_(seconds|bytes)(_total)?$/);
      expect(metric.help).toMatch(/^[A-Z0-9][^\n]*\.$|^[a-z_]+\.[a-z_]+ [^\n]*\.$/);
      expect(metric.advice).toMatch(/\.$/);
      for (const label of metric.labels) expect(label).toMatch(/^(?!le$|quantile$|instance$|job$)[a-z][a-z_]*$/);
    },
  );

  it('has no name twice', () => {
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  });
});
