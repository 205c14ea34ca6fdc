// Tries every start helper against the real servers: node tools/servers/smoke.ts [consul] [tempo] [collector] [s3] [prometheus] [tools]
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { promtool, startPrometheus } from './prometheus.ts';
import { startS3 } from './s3.ts';
import { findServer, type ServerName, serverBinary, startCollector, startConsul, startTempo } from './start.ts';

async function until<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 15_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await run();
  console.log(`  ${what}: ${Math.round(performance.now() - start)} ms`);
  return result;
}

function trace(traceId: string, spans = 1, padding = 0): string {
  const now = BigInt(Date.now()) * 1_000_000n;
  const make = (index: number) => ({
    traceId,
    spanId: randomBytes(8).toString('hex'),
    name: `span ${index}`,
    kind: 2,
    startTimeUnixNano: String(now - 5_000_000n),
    endTimeUnixNano: String(now),
    attributes: [{ key: 'padding', value: { stringValue: 'x'.repeat(padding) } }],
  });
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'smoke' } }] };
  return JSON.stringify({
    resourceSpans: [{ resource, scopeSpans: [{ spans: Array.from({ length: spans }, (_, i) => make(i)) }] }],
  });
}

function push(base: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${base}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

async function stored(base: string, traceId: string, headers: Record<string, string> = {}): Promise<boolean> {
  const answer = await fetch(`${base}/api/v2/traces/${traceId}`, { headers });
  return answer.status === 200 && (await answer.text()).includes('span 0');
}

const key = (base: string) => `${base}/v1/kv/tailgate/sampling/test`;

async function consul(): Promise<void> {
  const first = await timed('ready, in memory', () => startConsul());
  assert.equal((await fetch(key(first.url), { method: 'PUT', body: '1' })).status, 200);
  assert.equal(await (await fetch(`${key(first.url)}?raw`)).text(), '1');
  await timed('stop', () => first.stop());
  const again = await timed('ready again on the same port', () => startConsul({ httpPort: first.httpPort }));
  assert.equal((await fetch(key(again.url))).status, 404, 'memory is gone');
  await timed('kill', () => again.kill());
  assert.ok(again.exited());

  const dataDir = mkdtempSync(join(tmpdir(), 'tailgate-smoke-'));
  const kept = await timed('ready, with data folder', () => startConsul({ dataDir }));
  assert.equal((await fetch(key(kept.url), { method: 'PUT', body: '2' })).status, 200);
  await timed('stop', () => kept.stop());
  for (const how of ['stop', 'kill'] as const) {
    const back = await timed('ready again, with data', () => startConsul({ dataDir, httpPort: kept.httpPort }));
    assert.equal(await (await fetch(`${key(back.url)}?raw`)).text(), '2', 'data is kept');
    await timed(how, () => back[how]());
  }
  rmSync(dataDir, { recursive: true });

  const aclToken = randomUUID();
  const guarded = await timed('ready, with ACLs', () => startConsul({ aclToken }));
  assert.equal((await fetch(key(guarded.url), { method: 'PUT', body: '3' })).status, 403);
  const allowed = await fetch(key(guarded.url), { method: 'PUT', body: '3', headers: { 'X-Consul-Token': aclToken } });
  assert.equal(allowed.status, 200);
  const clash = startConsul({ httpPort: guarded.httpPort });
  await assert.rejects(clash, (error: Error) => /address already in use/.test(error.message));
  await guarded.stop();
}

async function tempo(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tailgate-smoke-'));
  const first = await timed('ready', () => startTempo({ dir }));
  const second = await timed('ready, another beside it', () =>
    startTempo({ rateLimitBytes: 1000, retryInfo: '7s', multitenancy: true }),
  );
  const id = randomBytes(16).toString('hex');
  assert.equal((await push(first.otlpHttp, trace(id))).status, 200);
  await timed('trace readable', () => until('trace', async () => (await stored(first.url, id)) || undefined));
  assert.equal(await stored(second.url, id, { 'X-Scope-OrgID': 'a' }), false, 'the two do not know each other');
  await timed('stop after a query', () => first.stop());
  const back = await timed('ready again', () => startTempo({ dir, ports: first.ports }));
  await timed('trace readable after restart', () =>
    until('trace', async () => (await stored(back.url, id)) || undefined),
  );
  await back.kill();
  rmSync(dir, { recursive: true });

  const refused = await push(second.otlpHttp, trace(id, 20, 1000), { 'X-Scope-OrgID': 'a' });
  const message = await refused.text();
  console.log(
    `  above the rate limit: ${refused.status} ${JSON.stringify(message)} retry-after=${refused.headers.get('retry-after')}`,
  );
  assert.ok(refused.status >= 400);
  await second.kill();
}

async function collector(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tailgate-smoke-'));
  const file = join(dir, 'out.json');
  const sink = await timed('ready, file sink', () =>
    startCollector({
      env: { OUT: file },
      config: `
receivers: { otlp: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}" }, http: { endpoint: "\${env:OTLP_HTTP}" } } } }
exporters: { file: { path: "\${env:OUT}", flush_interval: 100ms }, debug: {}, nop: {} }
service: { pipelines: { traces: { receivers: [otlp], exporters: [file, debug, nop] } } }
`,
    }),
  );
  const sampler = await timed('ready, tail sampling', () =>
    startCollector({
      env: { SINK_GRPC: sink.otlpGrpc, SINK_HTTP: sink.otlpHttp },
      config: `
receivers: { otlp: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" }, grpc: { endpoint: "\${env:OTLP_GRPC}" } } } }
processors:
  tail_sampling: { decision_wait: 500ms, num_traces: 1000, policies: [{ name: all, type: always_sample }] }
exporters:
  otlp_grpc: { endpoint: "\${env:SINK_GRPC}", tls: { insecure: true } }
  otlp_http: { endpoint: "\${env:SINK_HTTP}" }
service: { pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [otlp_grpc, otlp_http] } } }
`,
    }),
  );
  const id = randomBytes(16).toString('hex');
  assert.equal((await push(sampler.otlpHttp, trace(id))).status, 200);
  const twice = async () => (readFileSync(file, 'utf8').split(id).length === 3 ? true : undefined);
  await timed('trace through both, by gRPC and by HTTP', () => until('trace in file', twice));

  const args = ['traces', '--otlp-endpoint', sampler.otlpGrpc, '--otlp-insecure', '--traces', '5'];
  const generator = spawnSync(serverBinary('telemetrygen'), args, { encoding: 'utf8' });
  assert.equal(generator.status, 0, generator.stderr);
  await timed('traces of telemetrygen', () =>
    until('traces in file', async () => (readFileSync(file, 'utf8').includes('lets-go') ? true : undefined)),
  );

  const metrics = await (await fetch(sampler.metricsUrl)).text();
  const accepted = metrics.split('\n').find((line) => line.startsWith('otelcol_receiver_accepted_spans'));
  console.log(`  metrics: ${accepted}`);
  assert.ok(accepted);
  await timed('stop', () => sampler.stop());
  await timed('stop', () => sink.stop());
  await assert.rejects(startCollector({ config: 'receivers: { none: {} }' }), /ended before it was ready[\s\S]*none/);
  rmSync(dir, { recursive: true });
}

async function s3(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tailgate-smoke-'));
  const first = await timed('ready', () => startS3({ dir }));
  const object = `${first.url}/${first.bucket}/a/b`;
  assert.equal((await fetch(object, { method: 'PUT', body: 'kept' })).status, 200);
  await timed('stop', () => first.stop());
  const back = await timed('ready again', () => startS3({ dir, port: first.port }));
  assert.equal(await (await fetch(object)).text(), 'kept');
  assert.equal((await fetch(`${object}c`)).status, 404);
  await timed('kill', () => back.kill());
  rmSync(dir, { recursive: true });
}

async function prometheus(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tailgate-smoke-'));
  const port = await freePort();
  const configFile = join(dir, 'prometheus.yml');
  const self = `{ job_name: self, scrape_interval: 1s, static_configs: [{ targets: ["127.0.0.1:${port}"] }] }`;
  writeFileSync(configFile, `scrape_configs: [${self}]\n`);
  assert.match(promtool('check', 'config', configFile).output, /SUCCESS/);
  const running = await timed('ready', () => startPrometheus({ configFile, port }));
  await timed('its own metrics', () =>
    until('up', async () => {
      const answer = await fetch(`${running.url}/api/v1/query?query=up`);
      return (await answer.text()).includes('"1"') || undefined;
    }),
  );
  await timed('stop', () => running.stop());
  writeFileSync(configFile, 'scrape: []\n');
  assert.equal(promtool('check', 'config', configFile).code, 1);
  rmSync(dir, { recursive: true });
}

async function tools(): Promise<void> {
  const run = (name: ServerName, ...args: string[]) => {
    const result = spawnSync(serverBinary(name), args, { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout.trim().split('\n')[0];
  };
  console.log(`  helm: ${run('helm', 'version', '--short')}`);
  console.log(`  kubectl-validate: ${run('kubectl-validate', '--help')}`);
  console.log(`  telemetrygen: ${run('telemetrygen', '--help')}`);
  console.log(`  h2spec: ${run('h2spec', '--version')}`);
  assert.notEqual(await freePort(), await freePort());
}

const parts: Record<string, () => Promise<void>> = { consul, tempo, collector, s3, prometheus, tools };
const wanted = process.argv.slice(2);
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(name);
  const tempoState = name === 'tempo' ? findServer('tempo') : undefined;
  if (tempoState && 'refused' in tempoState) console.log(`  SKIPPED: ${tempoState.refused}`);
  else await part();
}
