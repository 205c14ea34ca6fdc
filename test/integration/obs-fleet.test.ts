import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startPrometheus } from '../../tools/servers/prometheus.ts';
import { dashboards, shown } from '../support/dashboards.ts';
import { makeFleet, sendTraffic } from '../support/fleet.ts';
import { eventually } from '../support/gateway.ts';
import { startSink } from '../support/otlp-sink.ts';

it('every panel of the dashboard of several gateways shows something, where there are two', async () => {
  const sink = await startSink();
  const fleet = await makeFleet(['a', 'b'], sink.url);
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-obs-fleet-'));
  onTestFinished(async () => {
    await fleet[Symbol.asyncDispose]();
    await sink[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  const gateways = [await fleet.start('a'), await fleet.start('b')];
  const configFile = join(directory, 'prometheus.yaml');
  const targets = gateways.map(({ admin }) => admin);
  const job = { job_name: 'tailgate', scrape_interval: '2s', static_configs: [{ targets }] };
  writeFileSync(configFile, JSON.stringify({ scrape_configs: [job] }));
  const prometheus = await startPrometheus({ configFile });
  onTestFinished(() => prometheus.stop());
  const traffic = sendTraffic(fleet);
  onTestFinished(() => traffic.stop());

  const { panels } = dashboards.find(({ uid }) => uid === 'tailgate-fleet')!;
  const sources = { prometheus: prometheus.url, tempo: '' };
  for (const panel of panels.filter(({ type }) => type !== 'row')) {
    await eventually(async () => expect(await shown(panel, sources), panel.title).toBeGreaterThanOrEqual(2));
  }
});
