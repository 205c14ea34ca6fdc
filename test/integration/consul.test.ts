import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createLiveRules } from '../../src/config/live.ts';
import { rulesSources } from '../../src/config/rules-sources.ts';
import { consulClient } from '../../src/consul/client.ts';
import { compileRules } from '../../src/decide/compile.ts';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';

const prefix = 'tailgate/sampling';
const folder = `consul:${prefix}/home`;

/** Rules as a gateway has them, from this file and this Consul. */
async function liveRules(directory: string, env: Record<string, string>) {
  const client = consulClient(env);
  const config = {
    mode: 'gateway' as const,
    environment: 'home',
    rules: { file: join(directory, 'rules.yaml'), maxBytes: 262_144, consul: { prefix, client } },
  };
  const logged: string[] = [];
  const rules = createLiveRules({
    ...(await rulesSources(config)),
    environment: 'home',
    debug: false,
    compile: (document) => {
      const compiled = compileRules(document, 'home', { debug: false });
      return 'problems' in compiled ? compiled : { policies: { document, set: compiled.policies } };
    },
    policyNames: ({ set }) => set.policies.map(({ name }) => name),
    lastGoodFile: join(directory, 'data', 'rules.last-good.json'),
    clock: systemClock,
    log: (level, message, fields) => logged.push(`${level}: ${message} ${JSON.stringify(fields)}`),
  });
  const soon = <T>(look: () => T, timeout = 30_000) => vi.waitFor(look, { timeout, interval: 5 });
  /** Waits until these routes are in force, and says for how long it did. */
  const until = async (routes: string[], timeout?: number) => {
    const from = performance.now();
    await soon(() => expect(rules.current.document.routes).toEqual(routes), timeout);
    return performance.now() - from;
  };
  const refused = (pattern: string | RegExp, timeout?: number) =>
    soon(() => expect(rules.status().lastRefusal?.error).toMatch(pattern), timeout);
  return { rules, logged, soon, until, refused };
}

/** Consul's KV, as an operator's tools use it. */
function kv(consul: RunningConsul, token = consul.token ?? '') {
  const call = async (method: string, path: string, body?: string) => {
    const headers = token ? { 'X-Consul-Token': token } : {};
    const response = await fetch(`${consul.url}/v1/${path}`, { method, headers, ...(body !== undefined && { body }) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    call,
    put: (key: string, value: string) => call('PUT', `kv/${prefix}/home/${key}`, value),
    delete: (key: string) => call('DELETE', `kv/${prefix}/home/${key}`),
    deleteAll: () => call('DELETE', `kv/${prefix}/home/?recurse`),
  };
}

let directory: string;
const stops: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-rules-'));
  writeFileSync(join(directory, 'rules.yaml'), 'routes: [/file]\n');
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  rmSync(directory, { recursive: true });
});

async function started(env: Record<string, string>) {
  const live = await liveRules(directory, env);
  stops.push(() => live.rules.stop());
  await live.rules.start();
  return live;
}

describe('rules in a real Consul', () => {
  let consul: RunningConsul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul.stop());
  afterEach(() => kv(consul).deleteAll());
  const env = () => ({ CONSUL_HTTP_ADDR: consul.url });

  it('follow keys that are put, changed and deleted, within a second', async () => {
    const { rules, until } = await started(env());
    expect(rules.status().source).toBe(`file:${join(directory, 'rules.yaml')}`);
    await kv(consul).put('routes', '/a');
    const waitedMs = [await until(['/a'])];
    expect(rules.status()).toMatchObject({ source: folder, revision: expect.stringMatching(/^\d+-[0-9a-f]{8}$/) });
    const { modifyIndex } = rules.status();
    await kv(consul).put('routes', '["/b", "/c/*"]');
    waitedMs.push(await until(['/b', '/c/*']));
    expect(rules.status().modifyIndex).toBeGreaterThan(modifyIndex);
    await kv(consul).put('debug', 'false');
    await kv(consul).delete('routes');
    waitedMs.push(await until(['/file']));
    // Two of the three, on a machine that others keep busy.
    expect(waitedMs.toSorted((a, b) => a - b)[1]).toBeLessThan(1_000);
  });

  it('are there at the start', async () => {
    await kv(consul).put('routes', '/a');
    const { rules } = await started(env());
    expect(rules.current.document.routes).toEqual(['/a']);
    expect(rules.status().loads).toEqual({ accepted: 1, refused: 0 });
  });

  it('keep following the file, too', async () => {
    await kv(consul).put('latency_threshold_ms', '7');
    const { rules, until } = await started(env());
    writeFileSync(join(directory, 'rules.yaml'), 'routes: [/file, /more]\n');
    await until(['/file', '/more']);
    expect(rules.current.document.latency_threshold_ms).toBe(7);
  });

  it('are not disturbed by the neighbours: other environments and names that begin alike', async () => {
    const { rules, until } = await started(env());
    await kv(consul).call('PUT', `kv/${prefix}/homework/routes`, '/x');
    await kv(consul).call('PUT', `kv/${prefix}/staging/routes`, '/x');
    await kv(consul).put('routes', '/a');
    await until(['/a']);
    expect(rules.status().loads).toEqual({ accepted: 2, refused: 0 });
  });

  it('are refused whole when a key is wrong, and taken when it is put right', async () => {
    await kv(consul).put('routes', '/a');
    const { rules, soon, until, refused } = await started(env());
    await kv(consul).put('baseline_percent', '200');
    await refused(`${folder}/baseline_percent: 200: expected a number from 0 to 100`);
    await kv(consul).put('routes', '/b');
    await soon(() => expect(rules.status().loads.refused).toBe(2));
    expect(rules.current.document.routes).toEqual(['/a']);
    await kv(consul).put('baseline_percent', '20');
    await until(['/b']);
    expect(rules.status().lastLoadSucceeded).toBe(true);
  });

  it('stay when every key is deleted', async () => {
    await kv(consul).put('routes', '/a');
    const { rules, refused } = await started(env());
    await kv(consul).deleteAll();
    await refused('no key is left where there were some');
    expect(rules.current.document.routes).toEqual(['/a']);
  });

  it('reach the newest state through a storm of writes, with few reads', async () => {
    const { rules, until } = await started(env());
    const from = performance.now();
    for (let i = 0; i < 200; i++) await kv(consul).put('routes', `/r${i}`);
    await until(['/r199']);
    // Four at once and two a second after that, however long the storm lasts; and the start.
    const reads = 4 + Math.ceil((performance.now() - from) / 500) + 2;
    expect(reads, 'the storm is one').toBeLessThan(150);
    expect(rules.status().loads.accepted).toBeLessThan(reads);
  });

  it('survive an agent that is killed; one that comes back empty changes nothing until it has keys', async () => {
    const own = await startConsul();
    stops.push(() => own.stop());
    for (let i = 0; i < 50; i++) await kv(own).put('routes', `/r${i}`); // so that its index is far ahead of a new one's
    const { rules, logged, soon, until, refused } = await started({ CONSUL_HTTP_ADDR: own.url });
    expect(rules.current.document.routes).toEqual(['/r49']);
    await own.kill();
    await soon(() => expect(logged.join('\n')).toContain('does not answer'));
    expect(rules.current.document.routes).toEqual(['/r49']);
    const again = await startConsul({ httpPort: own.httpPort });
    stops.push(() => again.stop());
    await refused('no key is left where there were some', 90_000);
    expect(rules.current.document.routes).toEqual(['/r49']);
    await kv(again).put('routes', '/again');
    await until(['/again']);
    expect(logged.join('\n')).toContain('answers again');
  });

  it('are those of before where a gateway starts while Consul is down', async () => {
    const own = await startConsul();
    await kv(own).put('routes', '/a');
    const first = await started({ CONSUL_HTTP_ADDR: own.url });
    const { revision, hash } = first.rules.status();
    first.rules.stop();
    await first.rules.saved();
    await own.kill();
    const { rules } = await started({ CONSUL_HTTP_ADDR: own.url });
    expect(rules.current.document.routes).toEqual(['/a']);
    expect(rules.status()).toMatchObject({ revision, hash, source: `last-good:${folder}` });
  });
});

describe('rules in a real Consul with access control', () => {
  const management = '00000000-0000-4000-8000-000000000001';
  let consul: RunningConsul;
  beforeAll(async () => {
    consul = await startConsul({ aclToken: management });
  });
  afterAll(() => consul.stop());

  const policies = { 'tailgate-all': `key_prefix "${prefix}/" { policy = "read" }`, 'tailgate-some': '' };
  policies['tailgate-some'] = `key_prefix "${prefix}/home/routes" { policy = "read" }`;
  async function token(policy: keyof typeof policies): Promise<{ accessor: string; secret: string }> {
    const { call } = kv(consul);
    await call('PUT', 'acl/policy', JSON.stringify({ Name: policy, Rules: policies[policy] })).catch(() => {});
    const response = await call('PUT', 'acl/token', JSON.stringify({ Policies: [{ Name: policy }] }));
    const { AccessorID, SecretID } = (await response.json()) as { AccessorID: string; SecretID: string };
    return { accessor: AccessorID, secret: SecretID };
  }

  it('are read with a token that may', async () => {
    await kv(consul).put('routes', '/a');
    const { secret } = await token('tailgate-all');
    const { rules } = await started({ CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN: secret });
    expect(rules.current.document.routes).toEqual(['/a']);
  });

  it('stay when the token is revoked, and follow again when the token file has a new one', async () => {
    await kv(consul).put('routes', '/a');
    const [old, fresh] = [await token('tailgate-all'), await token('tailgate-all')];
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, old.secret);
    const { rules, soon, until } = await started({ CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN_FILE: tokenFile });
    await kv(consul).call('DELETE', `acl/token/${old.accessor}`);
    await kv(consul).put('routes', '/b'); // the question that waits may still be answered
    await soon(() => expect(rules.status().sourceFailures).toBeGreaterThan(0));
    expect(['/a', '/b']).toContain(rules.current.document.routes?.[0]);
    writeFileSync(tokenFile, `${fresh.secret}\n`);
    await kv(consul).put('routes', '/c');
    await until(['/c'], 90_000);
  });

  it('stay when the token may read some keys only', async () => {
    await kv(consul).put('routes', '/a');
    await kv(consul).put('latency_threshold_ms', '7');
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, (await token('tailgate-all')).secret);
    const { rules, refused } = await started({ CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN_FILE: tokenFile });
    writeFileSync(tokenFile, (await token('tailgate-some')).secret);
    rules.reload();
    await refused('the token may not read all of its keys');
    expect(rules.current.document).toMatchObject({ routes: ['/a'], latency_threshold_ms: 7 });
  });

  it('are the file where a token never saw a key', async () => {
    const { rules } = await started({ CONSUL_HTTP_ADDR: consul.url });
    expect(rules.current.document.routes).toEqual(['/file']);
  });
});
