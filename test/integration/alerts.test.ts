import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { promtool } from '../../tools/servers/prometheus.ts';

const path = (name: string): string => new URL(`../../deploy/${name}`, import.meta.url).pathname;
const read = (name: string) => parse(readFileSync(path(name), 'utf8'));

it.each(['prometheus/scrape.yaml', 'local/prometheus.yaml'])('promtool finds nothing wrong with %s', (file) => {
  expect(promtool('check', 'config', path(file))).toMatchObject({ code: 0 });
});

it('promtool’s tests of the alerts pass, and each alert fires in one and is quiet in one', () => {
  expect(promtool('check', 'rules', path('prometheus/alerts.yaml'))).toMatchObject({ code: 0 });
  expect(promtool('test', 'rules', path('prometheus/alerts.test.yaml'))).toMatchObject({ code: 0 });
  const alerts = read('prometheus/alerts.yaml').groups.flatMap(({ rules }: { rules: { alert: string }[] }) => rules);
  const cases: { alertname: string; exp_alerts?: unknown[] }[] = read('prometheus/alerts.test.yaml').tests.flatMap(
    (test: { alert_rule_test: unknown[] }) => test.alert_rule_test,
  );
  const named = (fires: boolean) =>
    new Set(cases.filter((it) => Boolean(it.exp_alerts) === fires).map((it) => it.alertname));
  const all = alerts.map(({ alert }: { alert: string }) => alert).sort();
  expect([...named(true)].sort()).toEqual(all);
  expect([...named(false)].sort()).toEqual(all);
});
