import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { startGatewayProcess } from '../support/gateway.ts';
import type { Loads } from '../support/loads.ts';

const preload = fileURLToPath(new URL('../support/loads.ts', import.meta.url));
/** Node's own fetch: an `import` of node:http is enough to load it. */
const nodeFetch = 'NativeModule internal/deps/undici/undici';

/** What a gateway with this boot file has loaded when it has started, been scraped and stopped. */
async function loadsOf(boot: Record<string, unknown>): Promise<Loads> {
  const home = makeHome({ shards: 1, ...boot }, '{}');
  onTestFinished(() => home[Symbol.dispose]());
  const env = { NODE_OPTIONS: `--import ${preload}`, LOADS: join(home.directory, 'loads.json') };
  const gateway = await startGatewayProcess({ args: home.args, env });
  expect(await gateway.get('/metrics')).toContain('tailgate_received_spans_total');
  expect(await gateway.stop()).toBe(0);
  return JSON.parse(readFileSync(env.LOADS, 'utf8'));
}

const otlp = (protocol: string) => [{ name: 'sink', otlp: { endpoint: 'http://127.0.0.1:9', protocol } }];

it('a gateway that forwards by gRPC loads no package for that', async () => {
  const { packages, files, builtins } = await loadsOf({ export: otlp('grpc') });
  expect(packages).toEqual(expect.arrayContaining(['@prometheus-io/client', 'fastify', 'pino', 'yaml']));
  for (const absent of [
    '@grpc/grpc-js',
    'consul',
    'undici',
    'commander',
    '@grpc/proto-loader',
    'protobufjs',
    'ajv',
    '@opentelemetry/api',
  ])
    expect(packages).not.toContain(absent);
  expect(
    files.filter((file) => /^(cli\/(?!run\/|version|io|error-text)|export\/store|threads\/threads)/.test(file)),
  ).toEqual([]);
  expect(builtins).toContain('NativeModule http');
  expect(builtins).not.toContain(nodeFetch);
});

it('one that forwards by HTTP, with rules in Consul, loads the clients of these instead', async () => {
  const consul = { address: 'http://127.0.0.1:9' };
  const { packages, builtins } = await loadsOf({ export: otlp('http'), rules: { consul } });
  expect(packages).toEqual(expect.arrayContaining(['consul', 'undici']));
  expect(packages).not.toContain('@grpc/grpc-js');
  expect(builtins).not.toContain(nodeFetch);
});

it('one that keeps its traces itself loads neither client', async () => {
  const { packages, files } = await loadsOf({ export: [{ name: 'store', store: {} }] });
  expect(packages).not.toContain('@grpc/grpc-js');
  expect(packages).not.toContain('undici');
  expect(files).toContain('store/store.ts');
});
