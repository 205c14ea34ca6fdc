import { describe, expect, it } from 'vitest';
import { metrics } from '../../src/telemetry/metrics.ts';
import { renderMetrics } from '../../src/telemetry/render.ts';
import { sampleOf, statsAfterTraffic, statsAtStart } from './sample.ts';
import { type Family, parseTextFormat } from './text-format.ts';

const openMetrics = 'application/openmetrics-text';
/** What Prometheus 3 sends. */
const prometheus =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

async function scrape(stats = statsAfterTraffic()): Promise<Map<string, Family>> {
  return parseTextFormat((await renderMetrics(sampleOf(stats))).body);
}

function valueFrom(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  return family?.samples.find((it) => it.name === name && JSON.stringify(Object.entries(it.labels).sort()) === wanted)
    ?.value;
}

describe('a scrape', () => {
  it('has every metric of the table, before the first span and under traffic', async () => {
    for (const stats of [statsAtStart(), statsAfterTraffic()]) {
      const families = await scrape(stats);
      expect([...families.keys()]).toEqual(metrics.map(({ name }) => name));
      for (const { name, type, help } of metrics) expect(families.get(name)).toMatchObject({ type, help });
    }
  });

  it('shows the numbers of the gateway', async () => {
    const families = await scrape();
    const spans = 'tailgate_outcome_spans_total';
    expect(valueFrom(families, 'tailgate_received_spans_total', { protocol: 'grpc' })).toBe(900);
    expect(valueFrom(families, 'tailgate_received_bytes_total', { protocol: 'http_protobuf' })).toBe(45_000);
    expect(valueFrom(families, 'tailgate_received_requests_total', { protocol: 'http_json' })).toBe(1);
    expect(valueFrom(families, 'tailgate_refused_requests_total', { reason: 'too_large' })).toBe(2);
    expect(valueFrom(families, 'tailgate_refused_bytes_total', { reason: 'too_large' })).toBe(140_000_000);
    expect(valueFrom(families, spans, { outcome: 'kept', policy: 'errors' })).toBe(100);
    expect(valueFrom(families, 'tailgate_outcome_traces_total', { outcome: 'dropped', policy: 'none' })).toBe(80);
    expect(valueFrom(families, 'tailgate_shadow_traces_total', { policy: 'big', vote: 'keep' })).toBe(3);
    expect(valueFrom(families, 'tailgate_waiting_spans')).toBe(150);
    expect(valueFrom(families, 'tailgate_waiting_traces')).toBe(12);
    expect(valueFrom(families, 'tailgate_buffer_bytes')).toBe(8 << 20);
    expect(valueFrom(families, 'tailgate_buffer_limit_bytes')).toBe(512 << 20);
    expect(valueFrom(families, 'tailgate_exported_spans_total', { exporter: 'tempo' })).toBe(100);
    expect(valueFrom(families, 'tailgate_export_queue_bytes', { exporter: 'tempo' })).toBe(9_500);
    expect(valueFrom(families, 'tailgate_export_failed_spans_total', { exporter: 'tempo', reason: 'rejected' })).toBe(
      10,
    );
    expect(valueFrom(families, 'tailgate_rules_last_load_success')).toBe(0);
    expect(valueFrom(families, 'tailgate_rules_loads_total', { result: 'refused' })).toBe(1);
    expect(valueFrom(families, 'tailgate_rules_source_age_seconds')).toBe(5);
    expect(valueFrom(families, 'tailgate_debug_enabled')).toBe(0);
    const rules = { source: 'consul:tailgate/sampling/staging', revision: 'r7', hash: 'abcdef012345' };
    expect(valueFrom(families, 'tailgate_rules_info', rules)).toBe(1);
  });

  it('lets an operator add up the books of every exporter', async () => {
    const families = await scrape();
    const sum = (name: string, wanted: (labels: Record<string, string>) => boolean) =>
      families
        .get(name)!
        .samples.filter(({ labels }) => wanted(labels))
        .reduce((total, { value }) => total + value, 0);
    const tempo = ({ exporter }: Record<string, string>) => exporter === 'tempo';
    const owed = sum('tailgate_outcome_spans_total', ({ outcome }) => outcome === 'kept' || outcome === 'late_kept');
    expect(
      sum('tailgate_exported_spans_total', tempo) +
        sum('tailgate_export_queue_spans', tempo) +
        sum('tailgate_export_failed_spans_total', tempo),
    ).toBe(owed);
    expect(sum('tailgate_received_spans_total', () => true)).toBe(
      sum('tailgate_outcome_spans_total', () => true) + sum('tailgate_waiting_spans', () => true),
    );
  });

  it('shows a zero for outcomes and refusals that have not occurred, so that the first one is an increase', async () => {
    const families = await scrape();
    expect(valueFrom(families, 'tailgate_outcome_spans_total', { outcome: 'lost', policy: 'none' })).toBe(0);
    expect(valueFrom(families, 'tailgate_outcome_spans_total', { outcome: 'late_dropped', policy: 'none' })).toBe(0);
    expect(valueFrom(families, 'tailgate_outcome_spans_total', { outcome: 'kept', policy: 'none' })).toBeUndefined();
    expect(valueFrom(families, 'tailgate_refused_requests_total', { reason: 'buffer_full' })).toBe(0);
  });

  it('makes the buckets of the lateness cumulative', async () => {
    const families = await scrape();
    const name = 'tailgate_decision_lateness_seconds';
    expect(['0.01', '0.1', '1', '+Inf'].map((le) => valueFrom(families, `${name}_bucket`, { le }))).toEqual([
      80, 90, 94, 95,
    ]);
    expect(valueFrom(families, `${name}_sum`)).toBe(6.5);
    expect(valueFrom(families, `${name}_count`)).toBe(95);
  });

  it('survives label values with quotes, backslashes and line ends', async () => {
    const policy = 'a "quoted" \\ name\nof two lines, {x="y"}';
    const stats = { ...statsAfterTraffic(), outcomes: [{ outcome: 'kept' as const, policy, spans: 1, traces: 1 }] };
    expect(valueFrom(await scrape(stats), 'tailgate_outcome_spans_total', { outcome: 'kept', policy })).toBe(1);
  });
});

describe('the format of a scrape', () => {
  const formatFor = async (accept?: string) => (await renderMetrics(sampleOf(), accept)).contentType;

  it('is plain text unless OpenMetrics is asked for', async () => {
    for (const accept of [undefined, '*/*', 'text/html,*/*;q=0.8', 'text/plain', `${openMetrics};q=0`]) {
      expect(await formatFor(accept)).toBe('text/plain; version=0.0.4; charset=utf-8');
    }
    for (const accept of [prometheus, openMetrics, `text/plain;q=0.5, ${openMetrics}`]) {
      expect(await formatFor(accept)).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    }
    expect(await formatFor(`text/plain, ${openMetrics};q=0.9`)).toMatch(/^text\/plain/);
  });

  it('in OpenMetrics names counters without _total, their samples with it, and ends with EOF', async () => {
    const { body } = await renderMetrics(sampleOf(), prometheus);
    expect(body).toContain(
      '# TYPE tailgate_received_spans counter\ntailgate_received_spans_total{protocol="grpc"} 900\n',
    );
    expect(body).toContain('# TYPE tailgate_waiting_spans gauge\ntailgate_waiting_spans 150\n');
    expect(body.endsWith('\n# EOF\n')).toBe(true);
    expect(body).not.toMatch(/\n\n|_total_total/);
  });

  it('in OpenMetrics shows the trace that a policy kept last, for Prometheus to take as an exemplar', async () => {
    const last = { traceId: '0af7651916cd43dd8448eb211c80319c', at: 5_250 };
    const outcomes = [
      { outcome: 'kept' as const, policy: 'errors', spans: 3, traces: 1, last },
      { outcome: 'dropped' as const, policy: 'none', spans: 3, traces: 1 },
    ];
    const sample = sampleOf({ ...statsAfterTraffic(), outcomes });
    const line = 'tailgate_outcome_traces_total{outcome="kept",policy="errors"} 1';
    const { body } = await renderMetrics(sample, prometheus);
    expect(body).toContain(`${line} # {trace_id="${last.traceId}"} 1 1790000005.25\n`);
    expect(body.match(/ # \{/g)).toHaveLength(1);
    expect((await renderMetrics(sample)).body).toContain(`${line}\n`);
  });

  it('is not changed by a scrape in the other format', async () => {
    const before = (await renderMetrics(sampleOf())).body;
    await renderMetrics(sampleOf(), openMetrics);
    expect((await renderMetrics(sampleOf())).body).toBe(before);
  });
});
