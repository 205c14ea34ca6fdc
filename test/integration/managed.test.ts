import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { otlpEndpoint } from '../support/otlp-endpoint.ts';
import { senderTo } from '../support/otlp-send.ts';

const deploy = fileURLToPath(new URL('../../deploy', import.meta.url));

interface Preset {
  readonly protocol: 'http' | 'grpc';
  readonly variables: Readonly<Record<string, string>>;
  /** The variable that names the endpoint, the path behind it, and where it is when nothing is said. */
  readonly endpoint: string;
  readonly path?: string;
  readonly usual?: string;
  readonly shows: Readonly<Record<string, string>>;
}

const presets: Readonly<Record<string, Preset>> = {
  'grafana-cloud': {
    protocol: 'http',
    variables: { GRAFANA_CLOUD_AUTH: 'MTIzOnRva2Vu' },
    endpoint: 'GRAFANA_CLOUD_ENDPOINT',
    path: '/otlp/v1/traces',
    shows: { authorization: 'Basic MTIzOnRva2Vu' },
  },
  honeycomb: {
    protocol: 'grpc',
    variables: { HONEYCOMB_API_KEY: 'hny' },
    endpoint: 'HONEYCOMB_ENDPOINT',
    usual: 'https://api.honeycomb.io',
    shows: { 'x-honeycomb-team': 'hny' },
  },
  datadog: {
    protocol: 'http',
    variables: { DD_API_KEY: 'dd' },
    endpoint: 'DATADOG_ENDPOINT',
    path: '/v1/traces',
    usual: 'https://otlp.datadoghq.com/v1/traces',
    shows: { 'dd-api-key': 'dd' },
  },
  'new-relic': {
    protocol: 'grpc',
    variables: { NEW_RELIC_LICENSE_KEY: 'nr' },
    endpoint: 'NEW_RELIC_ENDPOINT',
    usual: 'https://otlp.nr-data.net:4317',
    shows: { 'api-key': 'nr' },
  },
  elastic: {
    protocol: 'http',
    variables: { ELASTIC_API_KEY: 'es' },
    endpoint: 'ELASTIC_OTLP_ENDPOINT',
    shows: { authorization: 'ApiKey es' },
  },
};

const spanOf = (n: number, more: object = {}) => {
  const hex = n.toString(16).padStart(8, '0');
  // Random enough in its last bytes, by which a baseline goes.
  const traceId = `${hex}0000000000${((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}${hex.slice(2)}`;
  return { traceId, spanId: hex.repeat(2), name: `span ${n}`, ...more };
};
const requestOf = (spans: object[]) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

it('every file has its test', () => {
  const files = readdirSync(join(deploy, 'export')).filter((name) => name.endsWith('.yaml'));
  expect(files.map((name) => name.replace('.yaml', '')).sort()).toEqual(Object.keys(presets).sort());
});

describe.each(Object.entries(presets))('deploy/export/%s.yaml', (name, preset) => {
  const file = join(deploy, 'export', `${name}.yaml`);

  it('goes to its vendor over TLS where nothing else is said', () => {
    const usual = preset.usual ? {} : { [preset.endpoint]: 'https://vendor.example' };
    const env = { ...preset.variables, ...usual };
    const result = loadBoot(readFileSync(file, 'utf8'), { file, env, cwd: '/srv' });
    if ('errors' in result) throw new Error(result.errors.join('\n'));
    expect(result.config.export).toMatchObject([
      { otlp: { endpoint: preset.usual ?? 'https://vendor.example', protocol: preset.protocol, compression: 'gzip' } },
    ]);
  });

  it('sends kept spans as it asks for them', async () => {
    const { url, came } = await otlpEndpoint(preset.protocol);
    const env = {
      ...preset.variables,
      [preset.endpoint]: url + (preset.path ?? ''),
      TRACE_DEBUG: '1',
      TAILGATE_SHARDS: '1',
    };
    const rules = { TAILGATE_RULES: join(deploy, '../config/rules.yaml'), TAILGATE_DECISION_WAIT: '100ms' };
    const gateway = await startGatewayProcess({ args: ['--config', file], env: { ...env, ...rules } });
    onTestFinished(() => gateway.kill());
    const sender = senderTo(gateway);
    await sender.http(requestOf([spanOf(1, { status: { code: 2 } })]));
    sender.close();
    await eventually(async () => expect(came).toHaveLength(1));
    const [{ path, headers, body }] = came as [(typeof came)[0]];
    expect(headers).toMatchObject(preset.shows);
    expect(spansIn(decodeRequest(body)).map((span) => span.name)).toEqual(['span 1']);
    if (preset.protocol === 'grpc') {
      expect(path).toBe('/opentelemetry.proto.collector.trace.v1.TraceService/Export');
      expect(headers).toMatchObject({ 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' });
    } else {
      expect(path).toBe(preset.path ?? '/v1/traces');
      expect(headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' });
    }
    expect(await gateway.stop()).toBe(0);
  });
});

describe('deploy/regions/gateway.yaml', () => {
  it('keeps the same traces in every region, names it on each, and sends those with errors to everybody too', async () => {
    const file = join(deploy, 'regions/gateway.yaml');
    const everybody = await otlpEndpoint('http');
    const spans = Array.from({ length: 400 }, (_, n) => spanOf(n + 1, n < 3 ? { status: { code: 2 } } : {}));
    const keptIn = async (region: string) => {
      const own = await otlpEndpoint('http');
      const env = { REGION: region, REGION_TEMPO: own.url, REGION_PROTOCOL: 'http', GLOBAL_TEMPO: everybody.url };
      const rules = { TAILGATE_RULES: join(deploy, '../config/rules.yaml'), TAILGATE_DECISION_WAIT: '100ms' };
      const gateway = await startGatewayProcess({ args: ['--config', file], env: { ...env, ...rules } });
      onTestFinished(() => gateway.kill());
      const sender = senderTo(gateway);
      await sender.http(requestOf(spans));
      sender.close();
      // A stop decides and sends all there is.
      expect(await gateway.stop()).toBe(0);
      const requests = own.came.map(({ body }) => decodeRequest(body));
      expect(JSON.stringify(requests)).toContain(region);
      return requests
        .flatMap(spansIn)
        .map((span) => String(span.spanId))
        .sort();
    };
    const [eu, us] = [await keptIn('eu-1'), await keptIn('us-1')];
    expect(eu).toEqual(us);
    // The baseline of `home` is 10 %, and errors are kept besides.
    expect(eu.length).toBeGreaterThan(20);
    expect(eu.length).toBeLessThan(80);
    expect(everybody.came.map(({ headers }) => headers['x-scope-orgid']).sort()).toEqual(['eu-1', 'us-1']);
    const names = everybody.came.map(({ body }) =>
      spansIn(decodeRequest(body))
        .map((span) => span.name)
        .sort(),
    );
    expect(names).toEqual([
      ['span 1', 'span 2', 'span 3'],
      ['span 1', 'span 2', 'span 3'],
    ]);
  });
});
