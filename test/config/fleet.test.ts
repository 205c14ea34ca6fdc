// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of the boot file.
import { describe, expect, it } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';

const load = (text: string, { env = {}, hostName }: { env?: Record<string, string>; hostName?: string } = {}) =>
  loadBoot(text, { file: '/etc/tailgate/gateway.yaml', env, cwd: '/srv', ...(hostName && { hostName }) });

function config(text: string, more: Parameters<typeof load>[1] = {}) {
  const result = load(text, more);
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
}

function errors(text: string, hostName?: string): readonly string[] {
  const result = load(text, hostName ? { hostName } : {});
  return 'errors' in result ? result.errors : [];
}

const store = 'export: [{ name: store, store: {} }]\n';
const two = 'members: { static: ["a=10.0.0.1:4319", "b=[fd00::2]:4319"] }';

describe('a fleet in the boot file', () => {
  it('is none where nothing is said of it', () => {
    expect(config(store)).toMatchObject({ mode: 'gateway' });
    expect(config(store).cluster).toBeUndefined();
  });

  it('is as the contract shows it', () => {
    const { cluster } = config(`${store}cluster: { name: a, listen: "0.0.0.0:4319", ${two} }`);
    expect(cluster).toEqual({
      name: 'a',
      listen: { host: '0.0.0.0', port: 4319 },
      members: {
        static: [
          { name: 'a', address: '10.0.0.1:4319' },
          { name: 'b', address: '[fd00::2]:4319' },
        ],
      },
      forwardTimeoutMs: 5_000,
      maxForwardBytes: 128 * 2 ** 20,
    });
  });

  it('names this gateway by the variable, and by the host where that is empty', () => {
    const text = `${store}cluster: { name: "\${env:POD_NAME:-}", ${two} }`;
    expect(config(text, { env: { POD_NAME: 'b' }, hostName: 'a' }).cluster?.name).toBe('b');
    expect(config(text, { env: { POD_NAME: '' }, hostName: 'a' }).cluster?.name).toBe('a');
  });

  it('takes an address for a name where there is none', () => {
    const { cluster } = config(`${store}cluster: { members: { static: ["10.0.0.1:4319"] } }`, { hostName: 'x' });
    expect(cluster?.members).toEqual({ static: [{ name: '10.0.0.1:4319', address: '10.0.0.1:4319' }] });
  });

  it('needs no exporter in an agent, whose traces go to their owners', () => {
    expect(config(`mode: agent\ncluster: { ${two} }`, { hostName: 'node-7' })).toMatchObject({
      mode: 'agent',
      export: [],
    });
  });

  it('has files of both ends of a connection beside the boot file', () => {
    const tls = 'tls: { cert_file: c.pem, key_file: k.pem, client_ca_file: ca.pem, server_name: tailgate }';
    const auth = 'auth: { bearer_token_file: members.txt, client_subjects: ["*.obs"] }';
    const at = (file: string) => `/etc/tailgate/${file}`;
    expect(config(`${store}cluster: { name: a, ${two}, ${tls}, ${auth} }`).cluster).toMatchObject({
      tls: {
        server: { files: { cert_file: at('c.pem'), key_file: at('k.pem'), client_ca_file: at('ca.pem') } },
        client: {
          files: { ca_file: at('ca.pem'), cert_file: at('c.pem'), key_file: at('k.pem') },
          serverName: 'tailgate',
        },
      },
      auth: { bearerTokenFile: at('members.txt'), clientSubjects: ['*.obs'] },
    });
    const agent = config(`mode: agent\ncluster: { ${two}, tls: { ca_file: other.pem } }`).cluster;
    expect(agent?.tls?.client.files).toEqual({ ca_file: at('other.pem') });
  });
});

describe('members from a name server', () => {
  const members = (text: string) => config(`${store}cluster: { members: ${text} }`, { hostName: 'x' }).cluster?.members;

  it.each([
    ['{ dns: "tailgate.obs.svc:4319" }', { host: 'tailgate.obs.svc', port: 4319, refreshMs: 5_000 }],
    ['{ dns: "[fd00::1]:4319", refresh: 1m }', { host: 'fd00::1', port: 4319, refreshMs: 60_000 }],
    ['{ dns: _otlp._tcp.tailgate.obs.svc }', { service: '_otlp._tcp.tailgate.obs.svc', refreshMs: 5_000 }],
    [
      '{ dns: "a:1", name_servers: ["127.0.0.1:8600", "fd00::1", "[::1]:53"] }',
      { host: 'a', port: 1, refreshMs: 5_000, nameServers: ['127.0.0.1:8600', 'fd00::1', '[::1]:53'] },
    ],
  ])('%s', (text, dns) => expect(members(text)).toEqual({ dns }));

  it.each([
    ['{ dns: tailgate.obs.svc }', 'expected host:port of a headless Service'],
    ['{ dns: "tailgate:0" }', 'expected host:port of a headless Service'],
    ['{ dns: "http://tailgate:1" }', 'expected host:port of a headless Service'],
    ['{ dns: "a:1", static: ["a=b:1"] }', 'cluster.members: expected one of static, dns and consul'],
    ['{ static: ["x=b:1"], refresh: 5s }', 'cluster.members.refresh: belongs to dns'],
    ['{ static: ["x=b:1"], name_servers: ["10.0.0.1"] }', 'cluster.members.name_servers: belongs to dns'],
    ...['ns.example', '999.1.1.1', '1.2.3.4:', '1.2.3.4:0', '1.2.3.4:99999', ':::::', '[zz]:1', '[1.2.3.4]:1'].map(
      (server) => [`{ dns: "a:1", name_servers: ["${server}"] }`, 'expected an address, or address:port'],
    ),
    ['{ dns: "a:1", refresh: 5 }', 'cluster.members.refresh: 5: expected a duration from 1s to 1h'],
  ])('%s is refused', (text, message) => {
    expect(errors(`${store}cluster: { members: ${text} }`, 'x')).toEqual([expect.stringContaining(message)]);
  });
});

describe('members from Consul', () => {
  const cluster = (text: string, env: Record<string, string> = {}) =>
    config(`${store}cluster: ${text}`, { hostName: 'x', env }).cluster;

  it('is found by the variables of Consul’s own tools, or where the block says', () => {
    const env = { CONSUL_HTTP_ADDR: 'https://c', CONSUL_HTTP_TOKEN: 't' };
    expect(cluster('{ members: { consul: { service: gw } } }', env)?.members).toMatchObject({
      consul: { service: 'gw', client: { url: 'https://c:443', token: 't' } },
    });
    expect(cluster('{ members: { consul: { address: "d:8501", namespace: n } } }', env)?.members).toMatchObject({
      consul: { service: 'tailgate', client: { url: 'http://d:8501', namespace: 'n' } },
    });
  });

  it('goes in under the address that the operator says', () => {
    const consul = 'members: { consul: {} }';
    expect(cluster(`{ advertise: "10.0.0.9", ${consul} }`)?.advertise).toEqual({ host: '10.0.0.9', port: 0 });
    expect(cluster(`{ advertise: "[fd00::9]:1", ${consul} }`)?.advertise).toEqual({ host: 'fd00::9', port: 1 });
    expect(cluster(`{ advertise: "\${env:POD_IP:-}", ${consul} }`)?.advertise).toEqual({ host: '', port: 0 });
  });

  it.each([
    [
      '{ members: { consul: { address: "a:b:c" } } }',
      ':2: cluster.members.consul.address: "a:b:c": expected host:port',
    ],
    ['{ members: { consul: { service: "a b" } } }', 'cluster.members.consul.service: "a b": expected a name'],
    ['{ members: { consul: {} }, advertise: "a b" }', 'cluster.advertise: "a b": expected host or host:port'],
  ])('%s is refused', (text, message) => {
    expect(errors(`${store}cluster: ${text}`, 'x')).toEqual([expect.stringContaining(message)]);
  });
});

describe('a fleet that cannot be', () => {
  it.each([
    ['an agent alone', 'mode: agent', ':1: mode: agent without a cluster block'],
    [
      'an agent that would send to Tempo',
      `mode: agent\n${store}cluster: { ${two} }`,
      ':2: export: an agent keeps nothing that could go there: expected none',
    ],
    ['a mode of its own', `${store}mode: relay`, ':2: mode: "relay": expected one of gateway, agent'],
    ['a gateway without an exporter', `cluster: { ${two} }`, 'export: missing: expected a list'],
    ['no members', `${store}cluster: { name: a }`, ':2: cluster.members: missing: expected a block of keys'],
    ['members from nowhere', `${store}cluster: { members: {} }`, ':2: cluster.members: expected one of static'],
    ['no member', `${store}cluster: { members: { static: [] } }`, 'cluster.members.static: []: expected at least one'],
    [
      'a port that is none',
      `${store}cluster: { members: { static: ["a=b:0"] } }`,
      'static[0]: "a=b:0": expected name=host:port',
    ],
    [
      'an address that is none',
      `${store}cluster: { members: { static: ["a=10.0.0.300:4319"] } }`,
      'static[0]: "a=10.0.0.300:4319": expected name=host:port',
    ],
    [
      'a name with a blank',
      `${store}cluster: { members: { static: ["a b=c:1"] } }`,
      'static[0]: "a b=c:1": expected name=host:port',
    ],
    ['a name of blanks', `${store}cluster: { name: " ", ${two} }`, 'cluster.name: " ": expected a name'],
    [
      'a gateway twice',
      `${store}cluster: { name: a, members: { static: ["a=b:1", "a=c:1"] } }`,
      'static[1]: "a" stands here twice',
    ],
    [
      'a stranger to its own list',
      `${store}cluster: { name: c, ${two} }`,
      'cluster.members.static: no gateway "c" in it',
    ],
    [
      'TLS without a certificate',
      `${store}cluster: { name: a, ${two}, tls: { ca_file: x } }`,
      'cluster.tls.cert_file: missing',
    ],
    [
      'half a certificate',
      `${store}cluster: { name: a, ${two}, tls: { cert_file: x } }`,
      'cluster.tls.key_file: expected together',
    ],
    ['an empty auth', `${store}cluster: { name: a, ${two}, auth: {} }`, 'cluster.auth: '],
    [
      'passwords',
      `${store}cluster: { name: a, ${two}, auth: { basic_htpasswd_file: x } }`,
      'cluster.auth.basic_htpasswd_file: unknown key',
    ],
    [
      'subjects without an authority',
      `${store}cluster: { name: a, ${two}, auth: { client_subjects: [x] } }`,
      'cluster.auth: client_subjects without tls.client_ca_file',
    ],
  ])('%s', (_, text, message) => {
    const found = errors(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('is not judged by the name of the machine on which somebody checks the file', () => {
    const text = `${store}cluster: { ${two} }`;
    expect(errors(text)).toEqual([]);
    expect(errors(text, 'laptop').join()).toContain('no gateway "laptop" in it');
  });
});
