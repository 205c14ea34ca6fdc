import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';
import { type Home, makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';

const folder = 'tailgate/sampling/home';
const rules = 'baseline_percent: 1\nroutes: [/file]\n';
const homeWith = (consul: object): Home => makeHome({ rules: { file: 'rules.yaml', consul } }, rules);

describe('two servers, of which one goes away', () => {
  const directories = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'tailgate-consul-')));
  let servers: RunningConsul[];
  let home: Home;
  let gateway: GatewayProcess;
  let start: (nth: number) => Promise<RunningConsul>;

  beforeAll(async () => {
    const ports = await Promise.all([1, 2].map(async () => ({ http: await freePort(), serf: await freePort() })));
    start = (nth) =>
      startConsul({
        httpPort: ports[nth]!.http,
        dataDir: directories[nth]!,
        extraArgs: [
          `-node=server-${nth}`,
          '-bootstrap-expect=2',
          `-serf-lan-port=${ports[nth]!.serf}`,
          `-retry-join=127.0.0.1:${ports[1 - nth]!.serf}`,
          '-retry-interval=1s',
        ],
      });
    servers = await Promise.all([start(0), start(1)]);
    await put('routes', '/a');
    home = homeWith({ address: servers[0]!.url });
    gateway = await startGatewayProcess({ args: home.args, env: {} });
  });
  afterAll(async () => {
    await gateway?.kill();
    for (const server of servers ?? []) await server.kill();
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    home?.[Symbol.dispose]();
  });

  const put = async (key: string, body: string) => {
    const { status } = await fetch(`${servers[0]!.url}/v1/kv/${folder}/${key}`, { method: 'PUT', body });
    expect(status).toBe(200);
  };
  const inForce = async () => (await gateway.status()).rules;

  it('has no leader any more: the rules stay, and /api/status says why nothing new comes', async () => {
    // A start waits three seconds for Consul, and goes on by the file.
    const { revision, source } = await eventually(async () => {
      const rules = await inForce();
      expect(rules.source).toBe(`consul:${folder}`);
      return rules;
    });
    await servers[1]!.kill();
    // A question that waits is held until its wait is over, and the next one as long again while Consul looks for a leader.
    await eventually(async () => {
      const status = await inForce();
      expect(status.sourceError).toMatch(/answered 500: .*(No cluster leader|leader)/i);
      expect(status).toMatchObject({ revision, source });
    }, 120_000);
    expect(await gateway.get('/readyz')).toBe('ok\n');
  });

  it('follows again when there is one, and says nothing more of it', async () => {
    servers[1] = await start(1);
    await eventually(() => put('debug', 'true'), 60_000);
    await eventually(async () => {
      const rules = await inForce();
      expect(rules).toMatchObject({ sourceError: '', source: `consul:${folder}` });
      expect(rules.policies).toContain('debug');
    }, 60_000);
  });
});

describe('a token that is deleted while the gateway runs', () => {
  const management = randomUUID();
  let consul: RunningConsul;
  let home: Home;
  let gateway: GatewayProcess | undefined;
  const call = async (method: string, path: string, body = '') => {
    const headers = { 'x-consul-token': management };
    const answer = await fetch(`${consul.url}/v1/${path}`, { method, headers, ...(body && { body }) });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { ID: string; AccessorID: string; SecretID: string };
  };
  beforeAll(async () => {
    consul = await startConsul({ aclToken: management, aclDefault: 'deny' });
    home = homeWith({ address: consul.url });
    await call('PUT', `kv/${folder}/routes`, '/a');
  });
  afterEach(async () => {
    await gateway?.kill();
  });
  afterAll(async () => {
    await consul?.kill();
    home?.[Symbol.dispose]();
  });

  it('is told in /api/status, with what is needed, and the rules stay; so is one that never was', async () => {
    const Rules = 'key_prefix "tailgate/sampling" { policy = "read" }';
    const { ID } = await call('PUT', 'acl/policy', JSON.stringify({ Name: 'reader', Rules }));
    const token = await call('PUT', 'acl/token', JSON.stringify({ Policies: [{ ID }] }));
    gateway = await startGatewayProcess({ args: home.args, env: { CONSUL_HTTP_TOKEN: token.SecretID } });
    const { revision, source } = await eventually(async () => {
      const { rules } = await gateway!.status();
      expect(rules.source).toBe(`consul:${folder}`);
      return rules;
    });
    await call('DELETE', `acl/token/${token.AccessorID}`);
    await call('PUT', `kv/${folder}/debug`, 'true'); // the question that waits is answered, the next one is refused
    await eventually(async () => {
      const { rules } = await gateway!.status();
      expect(rules.sourceError).toMatch(/answered 403: .*ACL not found.*the token needs `read` on the key prefix/);
      expect(rules.source).toBe(source);
    }, 60_000);
    expect((await gateway.status()).rules.revision).toMatch(new RegExp(`^(${revision}|\\d+-[0-9a-f]{8})$`));
    await gateway.kill();
    rmSync(join(home.directory, 'data'), { recursive: true, force: true });
    gateway = await startGatewayProcess({ args: home.args, env: { CONSUL_HTTP_TOKEN: randomUUID() } });
    await eventually(async () => {
      const { rules } = await gateway!.status();
      expect(rules.source).toBe(`file:${home.rulesFile}`);
      expect(rules.sourceError).toMatch(/ACL not found/);
    });
  });
});

describe('what the community edition does not have', () => {
  let consul: RunningConsul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(() => consul?.kill());

  it.each([
    ['namespace', { namespace: 'team' }, /answered 400: .*namespace/i],
    ['partition', { partition: 'team' }, /answered 400: .*partition/i],
    ['datacenter that there is not', { datacenter: 'mars' }, /answered 500: .*No path to datacenter/i],
  ])('a %s is told in /api/status, and the file counts', async (_, where, told) => {
    using home = homeWith({ address: consul.url, ...where });
    const gateway = await startGatewayProcess({ args: home.args, env: {} });
    onTestFinished(() => gateway.kill());
    await eventually(async () => {
      const { rules } = await gateway.status();
      expect(rules.source).toBe(`file:${home.rulesFile}`);
      expect(rules.sourceError).toMatch(told);
    });
  });
});
