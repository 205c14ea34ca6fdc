import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFolder } from '../../src/config/consul-read.ts';
import { consulClient } from '../../src/consul/client.ts';
import { freePort } from '../../tools/servers/ports.ts';
import { findServer, type RunningConsul, startConsul } from '../../tools/servers/start.ts';

/** Whatever variables somebody sets: `consul kv get` finds the key if and only if we do. */
describe("Consul's variables, beside Consul's own tool", () => {
  let consul: RunningConsul;
  let directory: string;
  let binary: string;
  let securePort: number;
  const within = (...names: string[]) => join(directory, ...names);

  beforeAll(async () => {
    const found = findServer('consul');
    if (!('path' in found)) throw new Error(JSON.stringify(found));
    binary = found.path;
    directory = mkdtempSync(join(tmpdir(), 'tailgate-consul-tls-'));
    const make = (...args: string[]) => execFileSync(binary, ['tls', ...args], { cwd: directory });
    make('ca', 'create');
    make('cert', 'create', '-server');
    make('cert', 'create', '-client');
    securePort = await freePort();
    mkdirSync(within('authorities', 'below'), { recursive: true });
    mkdirSync(within('empty'));
    mkdirSync(within('junk'));
    writeFileSync(within('junk', 'README'), 'no certificate');
    copyFileSync(within('consul-agent-ca.pem'), within('authorities', 'below', 'ca.pem'));
    writeFileSync(within('token'), '\n  11111111-2222-3333-4444-555555555555 \n');
    writeFileSync(within('blank'), '\n');
    const [cert, key] = [within('dc1-server-consul-0.pem'), within('dc1-server-consul-0-key.pem')];
    const tls = `tls { defaults { ca_file = "${within('consul-agent-ca.pem')}" cert_file = "${cert}" key_file = "${key}" } https { verify_incoming = true } }`;
    const sockets = `addresses { http = "127.0.0.1 unix://${within('consul.sock')}" }`;
    consul = await startConsul({
      aclToken: '11111111-2222-3333-4444-555555555555',
      extraArgs: ['-hcl', `ports { https = ${securePort} }`, '-hcl', tls, '-hcl', sockets],
    });
    const { status, stderr } = spawnSync(binary, ['kv', 'put', 'differential/home/key', 'value'], {
      env: { CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN: consul.token! },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  });
  afterAll(async () => {
    await consul?.stop();
    if (directory) rmSync(directory, { recursive: true });
  });

  const theirs = (env: Record<string, string>) => {
    const { stdout } = spawnSync(binary, ['kv', 'get', 'differential/home/key'], {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    return stdout.trim() === 'value';
  };

  const ours = async (env: Record<string, string>) => {
    try {
      const read = readFolder(consulClient(env), 'differential/home');
      const { entries } = await read(0n, 1, new AbortController().signal);
      return { found: entries.length === 1 && entries[0]?.value === 'value', why: 'an answer' };
    } catch (error) {
      return { found: false, why: (error as Error).message };
    }
  };

  const token = { CONSUL_HTTP_TOKEN: '11111111-2222-3333-4444-555555555555' };
  const plain = () => `127.0.0.1:${consul.httpPort}`;
  const secure = () => `127.0.0.1:${securePort}`;
  const identity = () => ({
    CONSUL_CACERT: within('consul-agent-ca.pem'),
    CONSUL_CLIENT_CERT: within('dc1-client-consul-0.pem'),
    CONSUL_CLIENT_KEY: within('dc1-client-consul-0-key.pem'),
  });

  const cases: [string, boolean, () => Record<string, string>][] = [
    ['host and port', true, () => ({ ...token, CONSUL_HTTP_ADDR: plain() })],
    ['http://', true, () => ({ ...token, CONSUL_HTTP_ADDR: `http://${plain()}` })],
    ['a port alone', true, () => ({ ...token, CONSUL_HTTP_ADDR: `:${consul.httpPort}` })],
    ['HTTP:// in capitals', false, () => ({ ...token, CONSUL_HTTP_ADDR: `HTTP://${plain()}` })],
    ['tcp://', false, () => ({ ...token, CONSUL_HTTP_ADDR: `tcp://${plain()}` })],
    ['a path without a scheme', false, () => ({ ...token, CONSUL_HTTP_ADDR: `${plain()}/consul` })],
    ['a path that is not there', false, () => ({ ...token, CONSUL_HTTP_ADDR: `http://${plain()}/consul` })],
    ['a user in the address', false, () => ({ ...token, CONSUL_HTTP_ADDR: `http://u:p@${plain()}` })],
    ['a unix socket', true, () => ({ ...token, CONSUL_HTTP_ADDR: `unix://${within('consul.sock')}` })],
    [
      'a unix socket with TLS, which it has not',
      false,
      () => ({ ...token, CONSUL_HTTP_ADDR: `unix://${within('consul.sock')}`, CONSUL_HTTP_SSL: 'true' }),
    ],
    ['no token', false, () => ({ CONSUL_HTTP_ADDR: plain() })],
    ['a wrong token', false, () => ({ CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_TOKEN: 'no' })],
    [
      'a token file with blanks, before a wrong token',
      true,
      () => ({ CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_TOKEN: 'no', CONSUL_HTTP_TOKEN_FILE: within('token') }),
    ],
    [
      'a blank token file beside a token',
      true,
      () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_TOKEN_FILE: within('blank') }),
    ],
    [
      'a token file that is missing',
      false,
      () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_TOKEN_FILE: within('none') }),
    ],
    [
      'basic authentication, which nobody asks for',
      true,
      () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_AUTH: 'user' }),
    ],
    [
      'a namespace, which this edition has not',
      false,
      () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_NAMESPACE: 'n' }),
    ],
    [
      'TLS asked for, plain HTTP there',
      false,
      () => ({ ...token, CONSUL_HTTP_ADDR: `http://${plain()}`, CONSUL_HTTP_SSL: 'true' }),
    ],
    ['TLS asked for by T', false, () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_SSL: 'T' })],
    ['TLS refused by F', true, () => ({ ...token, CONSUL_HTTP_ADDR: plain(), CONSUL_HTTP_SSL: 'F' })],
    ['https://', true, () => ({ ...token, ...identity(), CONSUL_HTTP_ADDR: `https://${secure()}` })],
    [
      'TLS by a variable, http:// in the address',
      true,
      () => ({ ...token, ...identity(), CONSUL_HTTP_ADDR: `http://${secure()}`, CONSUL_HTTP_SSL: '1' }),
    ],
    ['plain HTTP to the port of TLS', false, () => ({ ...token, ...identity(), CONSUL_HTTP_ADDR: secure() })],
    [
      'an unknown authority',
      false,
      () => ({ ...token, ...identity(), CONSUL_CACERT: '', CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      'an unknown authority that is not looked at',
      true,
      () => ({
        ...token,
        ...identity(),
        CONSUL_CACERT: '',
        CONSUL_HTTP_SSL_VERIFY: 'False',
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      'a folder of authorities with one below',
      true,
      () => ({
        ...token,
        ...identity(),
        CONSUL_CACERT: '',
        CONSUL_CAPATH: within('authorities'),
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      'an empty folder of authorities',
      false,
      () => ({
        ...token,
        ...identity(),
        CONSUL_CACERT: '',
        CONSUL_CAPATH: within('empty'),
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      'a folder with something else in it',
      false,
      () => ({
        ...token,
        ...identity(),
        CONSUL_CACERT: '',
        CONSUL_CAPATH: within('junk'),
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      'a file before a folder with something else',
      true,
      () => ({ ...token, ...identity(), CONSUL_CAPATH: within('junk'), CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      'no certificate of a client',
      false,
      () => ({ ...token, CONSUL_CACERT: within('consul-agent-ca.pem'), CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      'a certificate without its key',
      false,
      () => ({ ...token, ...identity(), CONSUL_CLIENT_KEY: '', CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      "the server's name",
      true,
      () => ({
        ...token,
        ...identity(),
        CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      "the server's name with a port",
      true,
      () => ({
        ...token,
        ...identity(),
        CONSUL_TLS_SERVER_NAME: 'server.dc1.consul:8501',
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      "an address as the server's name",
      true,
      () => ({ ...token, ...identity(), CONSUL_TLS_SERVER_NAME: '127.0.0.1', CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      "another's name",
      false,
      () => ({
        ...token,
        ...identity(),
        CONSUL_TLS_SERVER_NAME: 'server.dc2.consul',
        CONSUL_HTTP_ADDR: `https://${secure()}`,
      }),
    ],
    [
      "another's address",
      false,
      () => ({ ...token, ...identity(), CONSUL_TLS_SERVER_NAME: '10.0.0.1', CONSUL_HTTP_ADDR: `https://${secure()}` }),
    ],
    [
      'proxies, for this machine',
      true,
      () => ({
        ...token,
        CONSUL_HTTP_ADDR: plain(),
        HTTP_PROXY: 'http://127.0.0.1:9',
        http_proxy: 'http://127.0.0.1:9',
      }),
    ],
  ];

  it.each(cases)('%s: %s', async (_, expected, env) => {
    const variables = env();
    const mine = await ours(variables);
    expect({ consul: theirs(variables), tailgate: mine.found }, mine.why).toEqual({
      consul: expected,
      tailgate: expected,
    });
  });
});
