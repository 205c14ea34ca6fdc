import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFolder } from '../../src/config/consul-read.ts';
import { consulClient } from '../../src/consul/client.ts';
import { type FakeConsul, fakeConsul } from './fake-consul.ts';

const folder = 'tailgate/sampling/home';
const never = new AbortController().signal;

let consul: FakeConsul;
let directory: string;
beforeEach(async () => {
  consul = await fakeConsul();
  directory = mkdtempSync(join(tmpdir(), 'tailgate-consul-'));
});
afterEach(async () => {
  await consul[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const reader = (env = {}) => readFolder(consulClient({ CONSUL_HTTP_ADDR: consul.address, ...env }), folder);

describe('a read of a Consul folder', () => {
  it('asks for all of it at once, and gives keys relative to it', async () => {
    const answer = reader()(0n, 25_000, never);
    const asked = await consul.next();
    expect(decodeURIComponent(asked.url.pathname)).toBe(`/v1/kv/${folder}/`);
    expect(Object.fromEntries(asked.url.searchParams)).toEqual({ recurse: 'true' });
    asked.answer(7, { routes: '/ü', debug: 'true' });
    expect(await answer).toEqual({
      index: 7n,
      entries: [
        { key: 'routes', value: '/ü' },
        { key: 'debug', value: 'true' },
      ],
      filtered: false,
    });
  });

  it('waits for what is newer than an index', async () => {
    const answer = reader()(7n, 25_000, never);
    const asked = await consul.next();
    expect(Object.fromEntries(asked.url.searchParams)).toEqual({ recurse: 'true', index: '7', wait: '25000ms' });
    asked.answer(8, { routes: '/a' });
    expect((await answer).index).toBe(8n);
  });

  it('takes 404 with an index for an empty folder, and tells a filtered one', async () => {
    const read = reader();
    const empty = read(0n, 1, never);
    (await consul.next()).answer(1, {});
    expect(await empty).toEqual({ index: 1n, entries: [], filtered: false });
    const filtered = read(0n, 1, never);
    (await consul.next()).answer(1, {}, { headers: { 'x-consul-results-filtered-by-acls': 'true' } });
    expect(await filtered).toEqual({ index: 1n, entries: [], filtered: true });
  });

  it('takes a key without a value for an empty one', async () => {
    const answer = reader()(0n, 1, never);
    const items = JSON.stringify([{ Key: `${folder}/old/`, Value: null }]);
    (await consul.next()).raw(200, { 'content-type': 'application/json', 'x-consul-index': '3' }, items);
    expect((await answer).entries).toEqual([{ key: 'old/', value: '' }]);
  });

  it.each([
    ['400', 400, 'bad index', /bad index/],
    ['403', 403, 'Permission denied', /Permission denied.*the token needs `read`/i],
    ['404 of a proxy', 404, 'not here', /answered 404 without X-Consul-Index/],
    ['429', 429, 'rate limit', /rate limit/],
    ['500', 500, 'No cluster leader', /No cluster leader/],
    ['200 without the index', 200, '[]', /answered 200 without X-Consul-Index/],
  ])('fails by %s, and the next one works', async (_, status, body, message) => {
    const read = reader();
    const first = expect(read(0n, 1, never)).rejects.toThrow(message);
    (await consul.next()).raw(status, { 'content-type': 'text/plain' }, body);
    await first;
    const second = read(0n, 1, never);
    (await consul.next()).answer(2, { routes: '/a' });
    expect((await second).index).toBe(2n);
  });

  it.each([
    ['garbage', 'application/json', '[{"Key":'],
    ['a page of HTML', 'text/html', '<h1>Welcome</h1>'],
    ['an object', 'application/json', '{"a":1}'],
    ['entries of another shape', 'application/json', '[{"a":1}]'],
    ['null for an entry', 'application/json', '[null]'],
    ['a number for an entry', 'application/json', '[7]'],
    ['a number for a key', 'application/json', '[{"Key":7,"Value":""}]'],
    ['a number for a value', 'application/json', '[{"Key":"tailgate/sampling/home/a","Value":7}]'],
    ['a field that every object has', 'application/json', '[{"Key":"tailgate/sampling/home/a","hasOwnProperty":1}]'],
    ['a key of another folder', 'application/json', '[{"Key":"tailgate/sampling/other","Value":""}]'],
    ['nothing', 'application/json', ''],
  ])('fails by 200 with %s: that is not an empty folder', async (_, type, body) => {
    const answer = expect(reader()(0n, 1, never)).rejects.toThrow();
    (await consul.next()).raw(200, { 'content-type': type, 'x-consul-index': '5' }, body);
    await answer;
  });

  it("gives Consul's own reason, bounded and fit for a terminal", async () => {
    const failing = async (status: number, type: string, body: string) => {
      const answer = reader()(0n, 1, never).catch((error: Error) => error.message);
      (await consul.next()).raw(status, { 'content-type': type }, body);
      return await answer;
    };
    const reason = "token with AccessorID '00000000-0000-0000-0000-000000000002' lacks permission 'key:read' on \"x\"";
    expect(await failing(403, 'text/plain; charset=utf-8', `Permission denied: ${reason}`)).toBe(
      `answered 403: Permission denied: ${reason}: the token needs \`read\` on the key prefix`,
    );
    expect(await failing(500, 'text/plain', `rpc error: ${'x'.repeat(2_000)}`)).toHaveLength(
      'answered 500: '.length + 300,
    );
    expect(await failing(500, 'text/html', '<b>\u001b[2J</b>\n')).toBe('answered 500: <b>\\u{1b}[2J</b>');
    expect(await failing(500, 'application/json', '{"error":"no"}')).toBe('answered 500: {"error":"no"}');
    expect(await failing(500, 'text/plain', 'x'.repeat(1_000_000))).toBe('answered 500 and more than 4096 bytes');
  });

  it('takes only so much, and takes too much for an answer that is no use', async () => {
    const read = readFolder(consulClient({ CONSUL_HTTP_ADDR: consul.address }), folder, { maxBytes: 1_000 });
    const unusableOf = async (routes: string) => {
      const answer = read(1n, 1, never);
      (await consul.next()).answer(5, { routes });
      return await answer;
    };
    expect((await unusableOf('/'.repeat(1_000))).entries).toHaveLength(1);
    expect(await unusableOf('/'.repeat(1_001))).toEqual({
      index: 5n,
      entries: [],
      filtered: false,
      unusable: ': 1001 bytes of values: expected at most 1000',
    });
    expect(await unusableOf('/'.repeat(5_000_000))).toEqual({
      index: 5n,
      entries: [],
      filtered: false,
      unusable: ': far more than the 1000 bytes that rules may have',
    });
    expect((await unusableOf('/a')).entries).toEqual([{ key: 'routes', value: '/a' }]);
  });

  it('of a body without end ends, and holds next to nothing of it', async () => {
    const endless = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '9' }).write('[');
      const more = (): void => {
        while (!response.destroyed && response.write('" ",'.repeat(16_384)));
      };
      response.on('drain', more);
      more();
    });
    await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
    const { port } = endless.address() as AddressInfo;
    const answer = await readFolder(consulClient({ CONSUL_HTTP_ADDR: `127.0.0.1:${port}` }), folder)(0n, 1, never);
    expect(answer).toMatchObject({ index: 9n, entries: [], unusable: expect.stringContaining('far more than') });
    await new Promise((resolve) => endless.close(resolve));
  });

  it('of a value that is not UTF-8 names key and line', async () => {
    const answer = reader()(0n, 1, never);
    const items = [{ Key: `${folder}/routes`, Value: Buffer.from('- /a\n- /\xff\n', 'latin1').toString('base64') }];
    const headers = { 'content-type': 'application/json', 'x-consul-index': '3' };
    (await consul.next()).raw(200, headers, JSON.stringify(items));
    expect(await answer).toMatchObject({ entries: [], unusable: '/routes:2: not valid UTF-8' });
  });

  it('fails by an index that is no number', async () => {
    const answer = expect(reader()(0n, 1, never)).rejects.toThrow('X-Consul-Index');
    (await consul.next()).raw(200, { 'content-type': 'application/json', 'x-consul-index': 'x' }, '[]');
    await answer;
  });

  it('fails at once by a connection that ends, before or within the answer', async () => {
    const read = reader();
    for (const end of ['hangUp', 'cutShort'] as const) {
      const answer = expect(read(9n, 25_000, never)).rejects.toThrow();
      (await consul.next())[end]();
      await answer;
    }
  });

  it('is not disturbed by a server that closes each connection after its answer', async () => {
    const read = reader();
    for (const index of [1, 2, 3]) {
      const answer = read(BigInt(index - 1), 25_000, never);
      (await consul.next()).answer(index, { routes: '/a' }, { headers: { connection: 'close' } });
      expect((await answer).index).toBe(BigInt(index));
    }
  });

  it('fails by a Consul that is not there', async () => {
    await consul[Symbol.asyncDispose]();
    await expect(reader()(0n, 1, never)).rejects.toThrow('ECONNREFUSED');
    consul = await fakeConsul();
  });

  it('fails by a Consul that hangs, when an answer is overdue', async () => {
    const read = readFolder(consulClient({ CONSUL_HTTP_ADDR: consul.address }), folder, { graceMs: 30 });
    await expect(read(0n, 25_000, never)).rejects.toThrow(/timed out \(30ms\)/);
    await expect(read(7n, 160, never)).rejects.toThrow(/timed out \(200ms\)/);
  });

  it('ends with the signal, and hangs up', async () => {
    const stop = new AbortController();
    const answer = expect(reader()(7n, 25_000, stop.signal)).rejects.toThrow();
    const asked = await consul.next();
    stop.abort();
    await answer;
    await asked.gone;
    await expect(reader()(7n, 25_000, stop.signal)).rejects.toThrow();
  });
});

describe('who asks', () => {
  it('shows token, namespace, partition and password', async () => {
    const env = { CONSUL_HTTP_TOKEN: 't', CONSUL_NAMESPACE: 'n', CONSUL_PARTITION: 'p', CONSUL_HTTP_AUTH: 'u:p:w' };
    const answer = reader(env)(0n, 1, never);
    const asked = await consul.next();
    expect(asked.headers).toMatchObject({
      'x-consul-token': 't',
      'x-consul-namespace': 'n',
      authorization: `Basic ${btoa('u:p:w')}`,
    });
    expect(asked.url.searchParams.get('partition')).toBe('p');
    asked.answer(1, {});
    await answer;
  });

  it('reads the token file each time, so that a rotated one counts', async () => {
    const file = join(directory, 'token');
    const read = reader({ CONSUL_HTTP_TOKEN_FILE: file, CONSUL_HTTP_TOKEN: 'ignored' });
    for (const token of ['one', 'two']) {
      writeFileSync(file, `${token}\n`);
      const answer = read(0n, 1, never);
      const asked = await consul.next();
      expect(asked.headers['x-consul-token']).toBe(token);
      asked.answer(1, {});
      await answer;
    }
  });

  it('fails, and may recover, where a token file is missing', async () => {
    await expect(reader({ CONSUL_HTTP_TOKEN_FILE: join(directory, 'none') })(0n, 1, never)).rejects.toThrow('ENOENT');
    await expect(
      reader({ CONSUL_HTTP_SSL: '1', CONSUL_CACERT: join(directory, 'none') })(0n, 1, never),
    ).rejects.toThrow('ENOENT');
  });

  it('has an empty password where it names a user alone, and a user may be empty', async () => {
    for (const [auth, sent] of [
      ['u', 'u:'],
      [':p', ':p'],
      ['ü:p', 'ü:p'],
    ] as const) {
      const answer = reader({ CONSUL_HTTP_AUTH: auth })(0n, 1, never);
      const asked = await consul.next();
      expect(asked.headers.authorization).toBe(`Basic ${Buffer.from(sent).toString('base64')}`);
      asked.answer(1, {});
      await answer;
    }
  });

  it('takes the variable where the token file is empty', async () => {
    const file = join(directory, 'token');
    writeFileSync(file, ' \n');
    const answer = reader({ CONSUL_HTTP_TOKEN_FILE: file, CONSUL_HTTP_TOKEN: 't' })(0n, 1, never);
    const asked = await consul.next();
    expect(asked.headers['x-consul-token']).toBe('t');
    asked.answer(1, {});
    await answer;
  });

  it('goes through a proxy where the variables of proxies say so', async () => {
    const env = { CONSUL_HTTP_ADDR: 'http://consul.example:8500', HTTP_PROXY: `http://u:p@${consul.address}` };
    const answer = reader(env)(0n, 1, never);
    const asked = await consul.next();
    expect(asked.url.host).toBe('consul.example:8500');
    expect(asked.headers['proxy-authorization']).toBe(`Basic ${btoa('u:p')}`);
    asked.answer(4, {});
    expect((await answer).index).toBe(4n);
  });

  it('reaches a unix socket', async () => {
    const socket = join(directory, 'consul.sock');
    const server = createServer((_, response) => response.writeHead(404, { 'x-consul-index': '4' }).end());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const read = readFolder(consulClient({ CONSUL_HTTP_ADDR: `unix://${socket}` }), folder);
    expect((await read(0n, 1, never)).index).toBe(4n);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('where Consul is one of many', () => {
  it('asks the datacenter, the partition and the namespace, in the words of Consul Enterprise', async () => {
    const client = {
      ...consulClient({ CONSUL_HTTP_ADDR: consul.address }),
      datacenter: 'eu',
      namespace: 'n',
      partition: 'p',
    };
    const answer = readFolder(client, folder)(0n, 1, never);
    const asked = await consul.next();
    expect(Object.fromEntries(asked.url.searchParams)).toEqual({ recurse: 'true', dc: 'eu', partition: 'p' });
    expect(asked.headers['x-consul-namespace']).toBe('n');
    asked.answer(3, {});
    expect((await answer).index).toBe(3n);
  });
});
