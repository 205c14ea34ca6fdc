import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';
import { defaultRules, mergeLayers, parseRules } from '../../src/config/rules.ts';
import type { BootConfig } from '../../src/config/schema.ts';
import { compileRules } from '../../src/decide/compile.ts';
import { configurationTable, page, withTable } from '../../tools/configuration-table.ts';
import * as rules from '../../tools/rules-table.ts';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');

function shipped(env: Record<string, string>): BootConfig {
  const result = loadBoot(read('config/gateway.yaml'), { file: path('config/gateway.yaml'), env, cwd: '/srv' });
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
}

describe('the shipped boot file', () => {
  it('says what the defaults are', () => {
    // The window alone is on in the shipped file, and off where nobody asks for it.
    const text = 'export: [{ name: store, store: {} }]\nwindow: { max_bytes: auto }';
    const least = loadBoot(text, { file: path('config/gateway.yaml'), env: {}, cwd: '/srv' });
    expect({ config: shipped({}) }).toEqual(least);
  });

  it('reads the variables of the contract', () => {
    expect(
      shipped({
        DEPLOYMENT_ENVIRONMENT: 'production',
        TRACE_DEBUG: '1',
        TAILGATE_GRPC: '0.0.0.0:0',
        TAILGATE_HTTP: '[::]:4318',
        TAILGATE_ADMIN: '127.0.0.1:0',
        TAILGATE_DATA: '/var/lib/tailgate',
        TEMPO_OTLP_ENDPOINT: 'http://127.0.0.1:4317',
        TAILGATE_RULES: '/etc/rules.yaml',
        CONSUL_HTTP_ADDR: '127.0.0.1:8500',
        TAILGATE_DECISION_WAIT: '2s',
        TAILGATE_SHARDS: '1',
        TAILGATE_BUFFER_BYTES: '1073741824',
        TAILGATE_ON_FULL: 'refuse',
        TAILGATE_WINDOW_BYTES: '0',
      }),
    ).toMatchObject({
      environment: 'production',
      traceDebug: true,
      receive: {
        grpc: { endpoint: { host: '0.0.0.0', port: 0 } },
        http: { endpoint: { host: '::', port: 4318 } },
      },
      admin: { endpoint: { host: '127.0.0.1', port: 0 } },
      dataDirectory: '/var/lib/tailgate',
      export: [
        { name: 'store', store: { directory: '/var/lib/tailgate/store' } },
        { name: 'tempo', otlp: { endpoint: 'http://127.0.0.1:4317', protocol: 'grpc' } },
      ],
      rules: {
        file: '/etc/rules.yaml',
        consul: { prefix: 'tailgate/sampling', client: { url: 'http://127.0.0.1:8500' } },
      },
      shards: 1,
      buffer: { decisionWaitMs: 2_000, maxBytes: 2 ** 30, onFull: 'refuse' },
    });
  });

  it('refuses crash safety, rather than pretend', () => {
    expect(() => shipped({ TAILGATE_WAL: '/var/wal' })).toThrow(
      'buffer.durable.directory: not supported in this version',
    );
  });
});

describe('the shipped rules', () => {
  const parsed = parseRules(read('config/rules.yaml'), 'config/rules.yaml');

  it('are the defaults of the contract', () => {
    expect('layer' in parsed && mergeLayers([parsed.layer]).document).toEqual(defaultRules);
  });

  it.each(['home', 'staging', 'production'])('compile for %s', (environment) => {
    expect(compileRules(defaultRules, environment, { debug: false })).toHaveProperty('policies');
  });
});

describe('docs/configuration.md', () => {
  const text = readFileSync(page, 'utf8');

  it('lists every key as the schema has it (bin/node tools/configuration-table.ts writes it)', () => {
    expect(configurationTable().length).toBeGreaterThan(40);
    expect(withTable(text)).toBe(text);
  });

  it('names every variable that the shipped file reads', () => {
    const names = [...read('config/gateway.yaml').matchAll(/\$\{env:([A-Z_]+)\b(?=[:}])/g)].map(([, name]) => name!);
    for (const name of names.filter((each) => each !== 'NAME')) expect(text).toContain(`\`${name}`);
  });
});

describe('docs/rules.md', () => {
  it('lists every type of policy as its kind has it (bin/node tools/rules-table.ts writes it)', () => {
    const text = readFileSync(rules.page, 'utf8');
    expect(rules.rulesTable().length).toBeGreaterThan(40);
    expect(rules.withTable(text)).toBe(text);
  });
});
