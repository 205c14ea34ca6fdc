import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { serverBinary, startConsul } from '../../tools/servers/start.ts';
import { type Home, makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { findClient } from './clients/clients.ts';

const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));
const folder = findClient('envoy');
const binary = `${folder}/envoy/_bin/envoy`;

/** The shipped configuration, with other ports; spans leave at once rather than after five seconds. */
function configured(name: 'edge' | 'inner', ports: Readonly<Record<number, number>>, directory: string): string {
  let text = readFileSync(`${deploy}/envoy/${name}.yaml`, 'utf8');
  for (const [shipped, own] of Object.entries(ports)) {
    expect(text).toContain(`port_value: ${shipped} `);
    text = text.replaceAll(`port_value: ${shipped} `, `port_value: ${own} `);
  }
  const soon = { 'tracing.opentelemetry.flush_interval_ms': 100, 'tracing.opentelemetry.min_flush_spans': 1 };
  text += `\nlayered_runtime: { layers: [{ name: test, static_layer: ${JSON.stringify(soon)} }] }\n`;
  const file = join(directory, `${name}.yaml`);
  writeFileSync(file, text.replaceAll('address: 0.0.0.0', 'address: 127.0.0.1'));
  return file;
}

async function startEnvoy(file: string, base: number, admin: number): Promise<ChildProcess> {
  const child = spawn(binary, ['-c', file, '--base-id', `${base}`, '--log-level', 'warn', '--concurrency', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk));
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`envoy ended:\n${said}`);
    expect((await fetch(`http://127.0.0.1:${admin}/ready`)).status).toBe(200);
  });
  return child;
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

interface Explained {
  readonly verdict: string;
  readonly policy: string;
  readonly spans: number;
}

interface Otlp {
  readonly batches: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string; readonly kind: unknown }[] }[];
  }[];
}

describe.skipIf(!folder)('Envoys at the edge and beside a service', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-envoy-'));
  const seen: IncomingMessage[] = [];
  const children: ChildProcess[] = [];
  /** The service: /slow takes its time, /broken fails. */
  const service = createServer((request, response) => {
    seen.push(request);
    if (request.url === '/slow') setTimeout(() => response.end('late'), 2_500);
    else response.writeHead(request.url === '/broken' ? 503 : 200).end('hello');
  });
  /** Forward-auth: who has no session is sent to the login. */
  const auth = createServer((request, response) => {
    const isLogin = request.url?.startsWith('/verify/login') === true;
    if (isLogin || request.headers.cookie === 'session=1') response.end();
    else response.writeHead(302, { location: '/login', 'set-cookie': 'seen=1' }).end();
  });
  let home: Home;
  let gateway: GatewayProcess;
  let edge: number;

  beforeAll(async () => {
    const rules = 'baseline_percent: 0\nlatency_threshold_ms: 2000\nerror_status_codes: [ERROR]\nroutes: [/login]\n';
    home = makeHome({ buffer: { decision_wait: '5s' }, batch: { max_age: '50ms' } }, rules);
    gateway = await startGatewayProcess({ args: home.args });
    const port = (address: string): number => Number(address.split(':').at(-1));
    const [app, verify] = [await listening(service), await listening(auth)];
    edge = await freePort();
    const [inner, edgeAdmin, innerAdmin] = [await freePort(), await freePort(), await freePort()];
    const ofEdge = { 8080: edge, 9901: edgeAdmin, 8081: inner, 9000: verify, 4317: port(gateway.grpc) };
    const ofInner = { 8081: inner, 9902: innerAdmin, 3000: app, 4318: port(gateway.http) };
    const base = process.pid % 30_000;
    children.push(
      await startEnvoy(configured('edge', ofEdge, directory), base * 2, edgeAdmin),
      await startEnvoy(configured('inner', ofInner, directory), base * 2 + 1, innerAdmin),
    );
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    service.close();
    auth.close();
    await gateway?.stop();
    home?.[Symbol.dispose]();
    rmSync(directory, { recursive: true });
  });

  let number = 0;
  async function ask(path: string, { cookie = 'session=1' } = {}) {
    const traceId = (++number).toString(16).padStart(32, 'e');
    const headers = {
      traceparent: `00-${traceId}-00000000000000aa-01`,
      tracestate: 'vendor=a:b,other=1',
      baggage: 'tenant=acme;level=2,who=jo%20e',
      cookie,
    };
    const response = await fetch(`http://127.0.0.1:${edge}${path}`, { headers, redirect: 'manual' });
    await response.text();
    return { traceId, response, headers };
  }

  const explained = (traceId: string, verdict: string) =>
    eventually(async () => {
      const answer = JSON.parse(await gateway.get(`/api/explain/${traceId}`)) as Explained;
      expect(answer.verdict).toBe(verdict);
      return answer;
    });
  /** Services and names of the spans of a trace in the store. */
  const stored = (traceId: string) =>
    eventually(async () => {
      const { batches } = JSON.parse(await gateway.get(`/api/traces/${traceId}`)) as Otlp;
      return batches
        .flatMap(({ resource, scopeSpans }) => {
          const service = resource.attributes.find(({ key }) => key === 'service.name')?.value;
          const of = (service as { stringValue: string }).stringValue;
          return scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => `${of}: ${name}`));
        })
        .toSorted();
    });

  it('leave tracestate and baggage as they came, and the trace id in traceparent', async () => {
    const { traceId, response, headers } = await ask('/quick');
    expect(response.status).toBe(200);
    const { traceparent, tracestate, baggage } = seen.at(-1)!.headers;
    expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect([tracestate, baggage]).toEqual([headers.tracestate, headers.baggage]);
    expect(await explained(traceId, 'drop')).toMatchObject({ spans: 5 });
  });

  it('make one trace of both, by gRPC and by HTTP, with names of few values', async () => {
    const { traceId } = await ask('/login?next=%2Fhome');
    expect(await explained(traceId, 'keep')).toMatchObject({ policy: 'routes', spans: 5 });
    expect(await stored(traceId)).toEqual([
      'edge: GET',
      'edge: GET app',
      'edge: async auth egress',
      'inner: GET',
      'inner: GET service',
    ]);
  });

  it('say what failed and what was slow, and both are kept', async () => {
    const [broken, slow] = await Promise.all([ask('/broken'), ask('/slow')]);
    expect(broken.response.status).toBe(503);
    expect(await explained(broken.traceId, 'keep')).toMatchObject({ policy: 'errors', spans: 5 });
    expect(await explained(slow.traceId, 'keep')).toMatchObject({ policy: 'slow', spans: 5 });
  });

  it('send who has no session to the login, whose trace is kept', async () => {
    const { traceId, response } = await ask('/home', { cookie: 'none=1' });
    expect([response.status, response.headers.get('location'), response.headers.get('set-cookie')]).toEqual([
      302,
      '/login',
      'seen=1',
    ]);
    expect(await explained(traceId, 'drop')).toMatchObject({ spans: 2 });
    const login = await ask(response.headers.get('location')!, { cookie: 'none=1' });
    expect(login.response.status).toBe(200);
    expect(await explained(login.traceId, 'keep')).toMatchObject({ policy: 'routes', spans: 5 });
  });
});

describe('deploy/consul/proxy-defaults.hcl', () => {
  const file = `${deploy}/consul/proxy-defaults.hcl`;

  it('is what a real Consul takes', { timeout: 60_000 }, async () => {
    const consul = await startConsul();
    try {
      const env = { PATH: process.env.PATH ?? '', CONSUL_HTTP_ADDR: consul.url };
      execFileSync(serverBinary('consul'), ['config', 'write', file], { env, stdio: 'pipe' });
      const args = ['config', 'read', '-kind', 'proxy-defaults', '-name', 'global'];
      const { Config } = JSON.parse(execFileSync(serverBinary('consul'), args, { env, encoding: 'utf8' }));
      expect(Object.keys(Config).sort()).toEqual([
        'envoy_extra_static_clusters_json',
        'envoy_listener_tracing_json',
        'envoy_tracing_json',
      ]);
    } finally {
      await consul.stop();
    }
  });

  it.skipIf(!folder)('has JSON that Envoy takes where Consul puts it', () => {
    const text = readFileSync(file, 'utf8');
    const json = (key: string) => JSON.parse(text.match(new RegExp(`${key} = <<EOF\\n(.*?)\\nEOF`, 's'))![1]);
    const manager = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      statPrefix: 'mesh',
      tracing: json('envoy_listener_tracing_json'),
      routeConfig: {},
    };
    const bootstrap = {
      node: { id: 'mesh', cluster: 'mesh' },
      tracing: json('envoy_tracing_json'),
      staticResources: {
        clusters: [json('envoy_extra_static_clusters_json')],
        listeners: [
          {
            name: 'public',
            address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
            filterChains: [
              { filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: manager }] },
            ],
          },
        ],
      },
    };
    const directory = mkdtempSync(join(tmpdir(), 'tailgate-consul-envoy-'));
    const written = join(directory, 'mesh.json');
    writeFileSync(written, JSON.stringify(bootstrap));
    const said = execFileSync(binary, ['--mode', 'validate', '-c', written], { encoding: 'utf8', stdio: 'pipe' });
    rmSync(directory, { recursive: true });
    expect(said).toContain('OK');
  });
});
