import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';
import { type Home, makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { obsctlWith } from '../support/obsctl.ts';

const folder = 'tailgate/sampling/home';
// biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
const boot = { rules: { file: 'rules.yaml', consul: { address: '${env:CONSUL_HTTP_ADDR:-}' } } };

describe('obsctl sampling with a real Consul and two gateways', () => {
  const homes: Home[] = [];
  const gateways: GatewayProcess[] = [];
  let consul: RunningConsul;
  const run = (...args: string[]) =>
    obsctlWith(
      { CONSUL_HTTP_ADDR: consul.url },
      ...gateways.flatMap(({ admin }) => ['--gateway', admin]),
      ...['sampling', ...args],
    );
  const put = (key: string, body: string) => fetch(`${consul.url}/v1/kv/${folder}/${key}`, { method: 'PUT', body });
  const inForce = () => Promise.all(gateways.map(async (gateway) => (await gateway.status()).rules));
  const history = async () =>
    JSON.parse((await run('history', '-o', 'json')).out) as { revision: string; by: string; why: string }[];

  beforeAll(async () => {
    consul = await startConsul();
    for (const _ of [1, 2]) {
      const home = makeHome(boot, 'baseline_percent: 1\n');
      homes.push(home);
      gateways.push(await startGatewayProcess({ args: home.args, env: { CONSUL_HTTP_ADDR: consul.url } }));
    }
  });
  afterAll(async () => {
    for (const gateway of gateways) await gateway.kill();
    await consul?.kill();
    for (const home of homes) home[Symbol.dispose]();
  });

  it('sets a key and waits until both have it in force, and they say who wrote it, when and why', async () => {
    const { code, out, err } = await run('set', 'routes', '/a', '-m', 'a test', '--by', 'anna', '--wait');
    expect(code, err).toBe(0);
    const revision = /revision (\S+) by anna/.exec(out)![1]!;
    await eventually(async () => {
      for (const rules of await inForce())
        expect(rules).toMatchObject({ source: `consul:${folder}`, by: 'anna', why: 'a test' });
    });
    for (const rules of await inForce()) {
      expect(`${rules.modifyIndex}`).toBe(revision.split('-')[0]);
      expect(Math.abs(Date.parse(rules.writtenAt!) - Date.now())).toBeLessThan(60_000);
    }
    expect((await history())[0]).toMatchObject({ revision, by: 'anna', why: 'a test' });
    const status = await obsctlWith({}, '--gateway', gateways[0]!.admin, 'status');
    expect(status.out).toMatch(/written {3}by anna, .*ago: a test/);
  });

  it('pushes a file, and goes back', async () => {
    const file = join(homes[0]!.directory, 'pushed.yaml');
    writeFileSync(file, 'baseline_percent: { home: 3 }\nlatency_threshold_ms: 100\n');
    const pushed = await run('push', file, '--wait', '-m', 'slower');
    expect(pushed.code, pushed.err).toBe(0);
    for (const rules of await inForce()) expect(rules.policies).toContain('slow');
    const [, first] = await history();
    const back = await run('rollback', first!.revision, '--wait');
    expect(back.code, back.err).toBe(0);
    expect((await history())[0]!.why).toBe(`rollback to ${first!.revision}`);
    expect((await run('show')).out).toBe('routes:\n  - /a\n');
  });

  it('does not wait for ever where the rules are the same and the revision stays', async () => {
    const [before] = await inForce();
    const { code, err } = await run('set', 'routes', '["/a"]', '--wait', '30s');
    expect(code, err).toBe(0);
    expect((await inForce())[0]!.revision).toBe(before!.revision);
  });

  it('forgets who wrote it where somebody writes without obsctl, and keeps that to go back to', async () => {
    await put('routes', '/by-hand');
    await eventually(async () => {
      for (const rules of await inForce())
        expect(rules).toMatchObject({ policies: expect.anything(), by: null, why: null });
    });
    expect((await run('set', 'debug', 'false', '--wait')).code).toBe(0);
    const [, found] = await history();
    expect(found).toMatchObject({ by: 'unknown' });
    expect((await run('diff', found!.revision)).out).toContain('+ debug: false');
  });

  it('says what a gateway refuses, and which', async () => {
    await put('typo', '1');
    const { code, err } = await run('set', 'debug', 'true', '--wait');
    expect(code).toBe(2); // the folder as it would be is no rules: nothing was written
    expect(err).toContain(`consul:${folder}/typo: unknown key`);
    await fetch(`${consul.url}/v1/kv/${folder}/typo`, { method: 'DELETE' });
  });

  it('lets one of two who write at once do it', async () => {
    const rival = Promise.all(
      Array.from({ length: 6 }, (_, i) => run('set', 'latency_threshold_ms', `${100 + i}`, '--by', `writer ${i}`)),
    );
    const results = await rival;
    const done = results.filter(({ code }) => code === 0);
    for (const { code, err } of results) if (code !== 0) expect(err).toContain('somebody else wrote in between');
    expect(done.length).toBeGreaterThan(0);
    const written = (await history()).filter(({ by }) => by.startsWith('writer'));
    expect(written).toHaveLength(done.length);
    expect((await run('show')).out).toContain(`latency_threshold_ms: ${100 + Number(written[0]!.by.split(' ')[1])}`);
  });

  it('says which gateway does not answer, in bounded time', async () => {
    await gateways[1]!.stop();
    const from = Date.now();
    const { code, err } = await run('set', 'latency_threshold_ms', '900', '--wait', '5s');
    expect(code).toBe(1);
    expect(err).toContain('written to Consul, but not in force everywhere within 5s');
    expect(err).toContain(`cannot reach http://${gateways[1]!.admin}`);
    expect(err).not.toContain(`cannot reach http://${gateways[0]!.admin}`);
    expect(Date.now() - from).toBeLessThan(30_000);
  });

  it('is told by the community edition that it has no namespaces', async () => {
    const { code, err } = await run('show', '--namespace', 'team');
    expect(code).toBe(1);
    expect(err).toMatch(/Consul at .*: answered 400: .*namespace/i);
  });

  it('is told of a datacenter that there is not', async () => {
    const { code, err } = await run('show', '--datacenter', 'mars');
    expect(code).toBe(1);
    expect(err).toMatch(/No path to datacenter/i);
  });
});

describe('obsctl sampling with access control', () => {
  const management = randomUUID();
  let consul: RunningConsul;
  const call = async (path: string, body: unknown) => {
    const headers = { 'x-consul-token': management };
    const answer = await fetch(`${consul.url}/v1/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { ID: string; SecretID: string };
  };
  const tokenFor = async (Name: string, Rules: string) => {
    const { ID } = await call('acl/policy', { Name, Rules });
    return (await call('acl/token', { Policies: [{ ID }] })).SecretID;
  };
  const run = (token: string, ...args: string[]) =>
    obsctlWith({ CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN: token }, 'sampling', ...args);

  beforeAll(async () => {
    consul = await startConsul({ aclToken: management, aclDefault: 'deny' });
  });
  afterAll(() => consul?.kill());

  it('may be done with write on both folders, and with nothing less', async () => {
    const both = 'key_prefix "tailgate/sampling" { policy = "write" }';
    const writer = await tokenFor('writer', both);
    expect((await run(writer, 'set', 'routes', '/a')).code).toBe(0);
    const reader = await tokenFor('reader', both.replace('write', 'read'));
    expect((await run(reader, 'show')).out).toContain('/a');
    const refused = await run(reader, 'set', 'routes', '/b');
    expect(refused.code).toBe(5);
    expect(refused.err).toContain('needs `write` on the key prefixes');
    const noHistory = await tokenFor('rules-alone', `key_prefix "${folder}/" { policy = "write" }`);
    expect((await run(noHistory, 'set', 'routes', '/b')).code).toBe(5);
    const nothing = await tokenFor('nothing', '');
    expect((await run(nothing, 'show')).code).toBe(5);
    expect((await run(randomUUID(), 'show')).code).toBe(5);
    expect((await run(reader, 'show')).out).toContain('/a');
  });
});
