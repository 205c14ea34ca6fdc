import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { call, frame } from '../receive/support/grpc-wire.ts';
import { type Home, makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { obsctl } from '../support/obsctl.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

/** Tokens that nothing may ever tell. */
const token = {
  shop: 'sesame-shop-0123456789abcdef',
  old: 'sesame-old-0123456789abcdef',
  phone: 'sesame-phone-0123456789abcdef',
  metrics: 'sesame-metrics-0123456789abcdef',
  read: 'sesame-read-0123456789abcdef',
  wrong: 'sesame-wrong-0123456789abcdef',
};
const bearer = (it: string) => ({ authorization: `Bearer ${it}` });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

interface Running extends GatewayProcess {
  readonly home: Home;
  put(file: string, text: string): void;
}

async function start(shards: string, files: Record<string, string>, boot: Record<string, unknown>): Promise<Running> {
  const home = makeHome({ buffer: { decision_wait: '1s' }, trace_debug: '1', ...boot }, '{}');
  const put = (file: string, text: string): void => writeFileSync(join(home.directory, file), text);
  for (const [file, text] of Object.entries(files)) put(file, text);
  onTestFinished(() => home[Symbol.dispose]());
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  onTestFinished(() => gateway.kill());
  return { ...gateway, home, put };
}

const receivers = {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
  receive: {
    auth: { bearer_token_file: 'senders' },
    grpc: { endpoint: '${env:TAILGATE_GRPC}' },
    http: { endpoint: '${env:TAILGATE_HTTP}', auth: { bearer_token_file: 'phones' } },
  },
  admin: { endpoint: '${env:TAILGATE_ADMIN}', auth: { bearer_token_file: 'admins' } },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
};
const files = {
  senders: `shop: ${token.shop}\nold: ${token.old}\n`,
  phones: `phone: ${token.phone}\n`,
  admins: `prometheus: ${token.metrics} metrics\ngrafana: ${token.read} read\n`,
};

const byGrpc = async ({ grpc }: Running, trace: string, headers = {}) =>
  (await call(Number(grpc.split(':')[1]), [frame(requestBytes({ trace }))], headers)).status;
const byHttp = async ({ http }: Running, trace: string, headers = {}) => {
  const type = { 'content-type': 'application/x-protobuf' };
  const body = requestBytes({ trace });
  return (await fetch(`http://${http}/v1/traces`, { method: 'POST', headers: { ...type, ...headers }, body })).status;
};
const ask = (it: Running, path: string, headers = {}) => fetch(`http://${it.admin}${path}`, { headers });

describe.each(['1', '2'])('with %s shards', (shards) => {
  it('lets in who has a token, until it is retired, and tells nobody', async () => {
    const it = await start(shards, files, receivers);
    const statuses = {
      shop: await byGrpc(it, 'by shop', bearer(token.shop)),
      old: await byGrpc(it, 'by old', bearer(token.old)),
      phone: await byHttp(it, 'by phone', bearer(token.phone)),
    };
    expect(statuses).toEqual({ shop: 0, old: 0, phone: 200 });
    expect(await byGrpc(it, 'by nobody')).toBe(16);
    expect(await byGrpc(it, 'by phone at the wrong port', bearer(token.phone))).toBe(16);
    expect(await byHttp(it, 'by shop at the wrong port', bearer(token.shop))).toBe(401);
    expect(await byHttp(it, 'by a wrong token', bearer(token.wrong))).toBe(401);
    expect(await byHttp(it, 'by a sender at the admin port', bearer(token.read))).toBe(401);

    expect((await ask(it, '/livez')).status).toBe(200);
    expect((await ask(it, '/metrics')).status).toBe(401);
    expect((await ask(it, '/metrics', bearer(token.shop))).status).toBe(401);
    expect((await ask(it, '/api/status', bearer(token.metrics))).status).toBe(403);
    expect((await ask(it, '/', basic('ana', token.read))).status).toBe(200);

    // Who came with a token is kept, and nothing else.
    const traces = await eventually(async () => {
      const found = await (await ask(it, '/api/search?q={}&limit=100', bearer(token.read))).json();
      const ids = (found as { traces: { traceID: string }[] }).traces.map(({ traceID }) => traceID.padStart(32, '0'));
      expect(ids.length).toBeGreaterThanOrEqual(3);
      return ids;
    });
    expect(traces.sort()).toEqual(['by shop', 'by old', 'by phone'].map(traceIdHex).sort());

    const counts = await (await ask(it, '/metrics', bearer(token.metrics))).text();
    for (const [port, name, requests] of [
      ['grpc', 'shop', 1],
      ['grpc', 'old', 1],
      ['http', 'phone', 1],
    ])
      expect(counts).toContain(`tailgate_let_in_requests_total{port="${port}",name="${name}"} ${requests}\n`);
    expect(counts).toContain('tailgate_admin_refused_requests_total{reason="permission_denied"} 1\n');

    it.put('senders', `shop: ${token.shop}\n`);
    it.signal('SIGHUP');
    await eventually(async () => expect(await byGrpc(it, 'by old', bearer(token.old))).toBe(16));
    expect(await byGrpc(it, 'by shop', bearer(token.shop))).toBe(0);

    // What is wrong changes nothing, and is told with its line.
    it.put('senders', `shop: ${token.shop}\nshop: ${token.wrong}\n`);
    it.put('admins', `prometheus:${token.metrics}\n`);
    it.signal('SIGHUP');
    await eventually(async () => {
      expect(it.output()).toMatch(
        /receive\.auth\.bearer_token_file: [^"]*senders: line 2: the name \\"shop\\" of line 1/,
      );
      expect(it.output()).toMatch(/admin\.auth\.bearer_token_file: [^"]*admins: line 1: expected NAME: TOKEN/);
    });
    expect(await byGrpc(it, 'by shop', bearer(token.shop))).toBe(0);
    expect(await byGrpc(it, 'by a token of a bad file', bearer(token.wrong))).toBe(16);

    const told = await everythingTold(it);
    for (const secret of Object.values(token)) {
      expect(told).not.toContain(secret);
      expect(told).not.toContain(Buffer.from(`ana:${secret}`).toString('base64'));
    }
    expect(told).toContain('tailgate_refused_requests_total{reason="unauthenticated"}');
  });
});

/** All that the process says, by every way out that it has. */
async function everythingTold(it: Running): Promise<string> {
  const id = traceIdHex('by shop');
  const paths = ['/', '/metrics', '/api/status', `/api/explain/${id}`, `/api/traces/${id}`, '/api/search?q={}', '/x'];
  const asked = [bearer(token.read), bearer(token.metrics), bearer(token.wrong), {}].flatMap((headers) =>
    paths.map(async (path) => {
      const answer = await ask(it, path, headers);
      return `${JSON.stringify([...answer.headers])} ${await answer.text()}`;
    }),
  );
  const answers = await Promise.all(asked);
  it.signal('SIGTERM');
  expect(await it.exited()).toBe(0);
  return [...answers, it.output(), ...filesBelow(join(it.home.directory, 'data'))].join('\n');
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'));
}

it('refuses no call of a token that stays, while others come and go', async () => {
  const it = await start('2', files, receivers);
  const statuses: (readonly [string, number])[] = [];
  let isOver = false;
  const send = async (sender: number): Promise<void> => {
    for (let n = 0; !isOver; n++) {
      const trace = `of ${sender}, the ${n}th`;
      statuses.push([trace, await byGrpc(it, trace, bearer(token.shop))]);
    }
  };
  const senders = [0, 1, 2, 3].map(send);
  const accepted = () => it.events('files').filter(({ msg }) => /in force/.test(String(msg))).length;
  for (let n = 0; n < 4; n++) {
    const other = `sesame-${n}-0123456789abcdef`;
    it.put('senders', `shop: ${token.shop}\nother: ${other}\n`);
    it.signal('SIGHUP');
    await eventually(async () => expect(accepted()).toBe(n + 1));
    // Shards hear of it by message, a moment later.
    await eventually(async () => expect(await byGrpc(it, `by other ${n}`, bearer(other))).toBe(0));
  }
  isOver = true;
  await Promise.all(senders);
  expect(statuses.length).toBeGreaterThan(20);
  expect(statuses.filter(([, status]) => status !== 0)).toEqual([]);
  const sent = [...statuses.map(([trace]) => trace), 'by other 0', 'by other 1', 'by other 2', 'by other 3'];
  const headers = bearer(token.read);
  await eventually(async () => {
    const found = await (await ask(it, `/api/search?q={}&limit=${sent.length + 100}`, headers)).json();
    const ids = (found as { traces: { traceID: string }[] }).traces.map(({ traceID }) => traceID.padStart(32, '0'));
    expect(ids.sort()).toEqual(sent.map(traceIdHex).sort());
  });
});

it('lets obsctl in by the token of a file', async () => {
  const it = await start('1', files, receivers);
  it.put('token', `${token.read}\n`);
  it.put('narrow', `${token.metrics}\n`);
  const run = (...args: string[]) => obsctl('status', '--gateway', `http://${it.admin}`, '-o', 'ids', ...args);
  const file = (name: string) => ['--token-file', join(it.home.directory, name)];
  expect(await run(...file('token'))).toMatchObject({ code: 0, err: '' });
  const [without, narrow] = [await run(), await run(...file('narrow'))];
  expect([without.code, narrow.code]).toEqual([5, 5]);
  expect(without.err).toContain('give a token by --token-file');
  expect(narrow.err).toContain('the token "prometheus" is for metrics alone, and this is read');
  expect(without.err + narrow.err).not.toContain('sesame');
});

it('gives each tenant what came with its token, and no token what is of others', async () => {
  const [shop, search] = ['sesame-shop-0123456789abcdef', 'sesame-search-0123456789abcdef'];
  const all = 'sesame-all-0123456789abcdef';
  const tokens = `shop: ${shop} tenant=shop\nsearch: ${search} tenant=search\n`;
  const boot = {
    receive: {
      ...receivers.receive,
      http: { endpoint: receivers.receive.http.endpoint },
      tenants: { allow: ['shop', 'search'] },
    },
    admin: receivers.admin,
  };
  const it = await start(
    '2',
    { senders: `${tokens}all: ${all}\n`, admins: tokens.replaceAll(' tenant', ' read tenant') },
    boot,
  );
  const send = (name: string, headers: Record<string, string>) =>
    fetch(`http://${it.http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', ...headers },
      body: requestBytes({ trace: 'the same', id: name, name, scope: '' }),
    });
  expect((await send('of shop', bearer(shop))).status).toBe(200);
  expect((await send('of search', { ...bearer(search), 'x-scope-orgid': 'search' })).status).toBe(200);
  expect((await send('of shop too', { ...bearer(all), 'x-scope-orgid': 'shop' })).status).toBe(200);
  expect((await send('stolen', { ...bearer(shop), 'x-scope-orgid': 'search' })).status).toBe(403);
  expect((await send('of nobody', bearer(all))).status).toBe(400);
  expect((await send('of whoever says so', { 'x-scope-orgid': 'shop' })).status).toBe(401);

  const names = async (headers: Record<string, string>): Promise<string[]> => {
    const answer = await ask(it, `/api/traces/${traceIdHex('the same')}`, headers);
    return [...(await answer.text()).matchAll(/"name":"((?:of|stolen)[^"]*)"/g)].map(([, name]) => name).sort();
  };
  await eventually(async () => {
    expect(await names(bearer(shop))).toEqual(['of shop', 'of shop too']);
    expect(await names(bearer(search))).toEqual(['of search']);
  });
  expect((await ask(it, '/api/search?q={}', { ...bearer(shop), 'x-scope-orgid': 'search' })).status).toBe(403);
  for (const path of ['/metrics', '/api/status']) expect((await ask(it, path, bearer(shop))).status).toBe(403);
});

it.each([
  ['senders', 'shop: short\n', 'receive.auth.bearer_token_file: [^ ]*senders: line 1: a token of 5 characters'],
  ['phones', '', 'receive.http.auth.bearer_token_file: [^ ]*phones: no token in it'],
  ['admins', `a: ${token.read} all\n`, 'admin.auth.bearer_token_file: [^ ]*admins: line 1: a word behind the token'],
])('does not start on a file of tokens that is wrong: %s', async (file, text, message) => {
  const started = start('1', { ...files, [file]: text }, receivers);
  await expect(started).rejects.toThrow(/ended with code 2/);
  await expect(started).rejects.toThrow(new RegExp(message));
});
