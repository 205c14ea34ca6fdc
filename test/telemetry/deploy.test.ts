import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metrics } from '../../src/telemetry/metrics.ts';
import { dashboards } from '../support/dashboards.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const alerts: readonly Alert[] = parse(read('deploy/prometheus/alerts.yaml')).groups.flatMap(
  (group: { rules: Alert[] }) => group.rules,
);
const panels = dashboards.flatMap(({ panels }) => panels);
const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets }) =>
    (targets ?? []).flatMap(({ expr }) => (expr ? [[title, expr] as const] : [])),
  ),
].filter(([, expr]) => !/\b(traces|tempo)_/.test(expr)); // those are Tempo's, and asked of it in test/integration

describe('alerts and dashboard', () => {
  it.each(expressions)('%s asks only for metrics and labels that exist', (_where, expr) => {
    const known = new Map(metrics.map((metric) => [metric.name, metric]));
    const selectors = [...expr.matchAll(/\b(tailgate_[a-z0-9_]+)(?:\{([^}]*)\})?/g)];
    expect(selectors.length + Number(expr.includes('up{'))).toBeGreaterThan(0);
    for (const [, name, matchers = ''] of selectors) {
      const metric = known.get(name!.replace(/_(bucket|sum|count)$/, ''));
      expect(metric, `unknown metric ${name}`).toBeDefined();
      const labels = [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map((match) => match[1]!);
      for (const label of labels) expect([...metric!.labels, 'instance', 'job', 'le'], name).toContain(label);
    }
  });

  it.each(dashboards.map((dashboard) => [dashboard.file, dashboard] as const))(
    '%s: its panels lie side by side',
    (_file, { panels }) => {
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBeLessThanOrEqual(24);
    },
  );

  it('each data source of Grafana leads to others that are there, and no two dashboards have one name', () => {
    const { datasources } = parse(read('deploy/grafana/provisioning/datasources/tailgate.yaml'));
    const uids: string[] = datasources.map(({ uid }: { uid: string }) => uid);
    const led = [...JSON.stringify(datasources).matchAll(/"datasourceUid":"([^"]+)"/g)].map(([, uid]) => uid);
    expect(new Set(led)).toEqual(new Set(['prometheus', 'loki', 'tempo']));
    expect(uids).toEqual(expect.arrayContaining([...new Set(led)]));
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  });

  it.each(alerts.map((alert) => [alert.alert, alert] as const))(
    '%s has a severity and its section in docs/operations.md',
    (name, alert) => {
      expect(['critical', 'warning']).toContain(alert.labels.severity);
      expect(alert.annotations.summary).toMatch(/\S/);
      expect(alert.annotations.runbook_url).toBe(`docs/operations.md#${name.toLowerCase()}`);
      expect(read('docs/operations.md')).toContain(`\n### ${name}\n`);
    },
  );

  it('docs/operations.md has no section of an alert that is gone', () => {
    const sections = [...read('docs/operations.md').matchAll(/^### (\S+)$/gm)].map((match) => match[1]);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
  });

  it('the dashboard shows every metric that was promised to operators of the path', () => {
    const shown = expressions.map(([, expr]) => expr).join('\n');
    for (const name of [
      'received_spans_total',
      'outcome_spans_total',
      'outcome_traces_total',
      'refused_requests_total',
      'waiting_spans',
      'buffer_bytes',
      'decision_lateness_seconds',
      'exported_spans_total',
      'export_queue_bytes',
      'export_failed_spans_total',
      'rules_info',
      'rules_last_load_success',
    ]) {
      expect(shown, name).toContain(`tailgate_${name}`);
    }
  });
});
