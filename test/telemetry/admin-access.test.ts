import https from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import type { Credentials } from '../../src/access/credential.ts';
import { newKey } from '../../src/access/digest.ts';
import { parsePasswordFile } from '../../src/access/password-file.ts';
import { parseTokenFile } from '../../src/access/token-file.ts';
import type { Tenants } from '../../src/model/tenant.ts';
import { AdminAccess } from '../../src/telemetry/admin-access.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { ProcessProbe } from '../../src/telemetry/process.ts';
import { createAdminApp, createAdminServer } from '../../src/telemetry/server.ts';
import type { AdminSources } from '../../src/telemetry/sources.ts';
import { certificates, credentialsOf } from '../receive/support/transport.ts';
import type { Issued } from '../support/certificates.ts';
import { startedAt, statsAfterTraffic } from './sample.ts';

const key = newKey();
const token = (name: string): string => `0123456789abcdef-${name}`;
const file = `all: ${token('all')}\nm: ${token('m')} metrics\nr: ${token('r')} read\nc: ${token('c')} change\n`;
const bearer = (text: string): Credentials => ({
  scheme: 'bearer',
  key,
  tokens: parseTokenFile(text, key, { scopes: true }),
});
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'PATCH';
interface Route {
  readonly method: Method;
  readonly url: string;
  readonly need: string | undefined;
}

const usual: AdminSources = {
  identity: { version: '1', environment: 'home', shards: 1, startedAt },
  uptimeMs: () => 1,
  stats: async () => statsAfterTraffic(),
  explain: async () => undefined,
  notReady: () => '',
  notLive: () => '',
};
const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, lostLines: () => 0 };

/** The admin port with its routes as they were registered, and one that changes something. */
function app(access = new AdminAccess(), more: Partial<AdminSources> = {}) {
  const routes: Route[] = [];
  const probe = new ProcessProbe(startedAt);
  const sources = { ...usual, ...more };
  const result = createAdminApp({ sources, log, access }, probe, (route) => {
    for (const method of [route.method].flat())
      routes.push({ method: method as Method, url: route.url, need: (route.config as { need?: string })?.need });
  });
  result.post('/api/test-change', { config: { need: 'change' } }, () => ({ changed: true }));
  result.get('/api/test-forgotten', () => ({ secret: true }));
  closing.push(
    () => result.close(),
    () => probe.close(),
  );
  return { app: result, routes };
}

/** What a route asks for, of every one that there is. Whoever adds one says here who may ask it. */
const needs: Readonly<Record<string, 'nothing' | 'metrics' | 'read' | 'change'>> = {
  '/': 'read',
  '/livez': 'nothing',
  '/readyz': 'nothing',
  '/ready': 'nothing',
  '/metrics': 'metrics',
  '/api/status': 'read',
  '/api/cluster': 'read',
  '/api/explain/:id': 'read',
  '/api/keep': 'change',
  '/api/restore': 'change',
  '/api/simulate': 'read',
  '/api/*': 'read',
};
const ofThisTest = ['/api/test-change', '/api/test-forgotten'];

const who: readonly (readonly [name: string, authorization: string | undefined, may: readonly string[]])[] = [
  ['nobody', undefined, ['nothing']],
  ['a wrong token', `Bearer ${token('x')}`, ['nothing']],
  ['an empty header', '', ['nothing']],
  ['a token without its scheme', token('all'), ['nothing']],
  ['half a token', `Bearer ${token('all').slice(0, -1)}`, ['nothing']],
  ['the name of a token as its password', basic('all', 'all'), ['nothing']],
  ['a token as a user', basic(token('all'), ''), ['nothing']],
  ['a token for all', `Bearer ${token('all')}`, ['nothing', 'metrics', 'read', 'change']],
  ['the same as a password', basic('anybody', token('all')), ['nothing', 'metrics', 'read', 'change']],
  ['a token for metrics', `Bearer ${token('m')}`, ['nothing', 'metrics']],
  ['a token for reading', `Bearer ${token('r')}`, ['nothing', 'metrics', 'read']],
  ['the same as a password', basic('', token('r')), ['nothing', 'metrics', 'read']],
  ['a token for changing', `Bearer ${token('c')}`, ['nothing', 'change']],
];
const known = who.slice(7).map(([, authorization]) => authorization);

describe('the routes of the admin port', () => {
  it('say each what it needs', async () => {
    const it = app();
    await it.app.ready();
    const found = it.routes.filter(({ url }) => !ofThisTest.includes(url));
    expect(Object.fromEntries(found.map(({ url, need }) => [url, need]))).toEqual(needs);
    const changing = found.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
    // Rules are tried by a POST because they are long: it changes nothing.
    expect(changing.filter(({ need }) => need === 'read').map(({ url }) => url)).toEqual(['/api/simulate']);
  });

  it.each(who)('answer %s what may be asked, and nothing else', async (_name, authorization, may) => {
    const it = app(new AdminAccess(bearer(file)));
    await it.app.ready();
    const asked: Route[] = [...it.routes, { method: 'GET', url: '/nowhere', need: 'read' }];
    for (const { method, url, need = 'change' } of asked) {
      const { statusCode, body, headers } = await it.app.inject({
        method,
        url: url.replace(':id', '0'.repeat(31).concat('1')).replace('*', 'search'),
        headers: authorization === undefined ? {} : { authorization },
      });
      const told = `${method} ${url}: ${statusCode} ${body}`;
      if (may.includes(need)) expect([200, 404], told).toContain(statusCode);
      else {
        expect(statusCode, told).toBe(known.includes(authorization) ? 403 : 401);
        expect(body).not.toMatch(/secret|changed|tailgate_|0123456789/);
        const [first, second] = [headers['www-authenticate']].flat();
        if (statusCode === 401)
          expect([first, second]).toEqual([expect.stringMatching(/^Bearer /), expect.stringMatching(/^Basic /)]);
      }
    }
  });

  it('answer everybody where nobody is asked for credentials, and change nothing for anybody', async () => {
    const it = app();
    for (const url of ['/', '/metrics', '/api/status', '/livez'])
      expect((await it.app.inject({ url })).statusCode, url).toBe(200);
    const change = await it.app.inject({ method: 'POST', url: '/api/test-change' });
    expect([change.statusCode, change.body]).toEqual([403, expect.stringContaining('admin.auth')]);
    const forgotten = await it.app.inject({ url: '/api/test-forgotten' });
    expect(forgotten.statusCode).toBe(403);
  });
});

describe('a token of one tenant', () => {
  const tenants: Tenants = {
    header: 'x-scope-orgid',
    defaultName: 'a',
    each: ['a', 'b'].map((name) => ({ name, share: 1, maxBytesPerSecond: 0 })),
  };
  const credentials: Credentials = {
    scheme: 'bearer',
    key,
    tokens: parseTokenFile(`b: ${token('b')} read tenant=b\nall: ${token('all')} read`, key, {
      scopes: true,
      tenants: ['a', 'b'],
    }),
  };
  const ask = async (url: string, who: string, orgId?: string | string[]) => {
    const asked: string[] = [];
    const it = app(new AdminAccess(credentials), {
      tenants,
      explain: async (_id, { name }) => {
        asked.push(name);
        return undefined;
      },
      tempo: async (_method, _url, _accept, _over, { name }) => {
        asked.push(name);
        return { status: 200, headers: {}, body: 'traces' };
      },
    });
    const headers = { authorization: `Bearer ${token(who)}`, ...(orgId !== undefined && { 'x-scope-orgid': orgId }) };
    const { statusCode } = await it.app.inject({ url, headers: headers as Record<string, string> });
    return [statusCode, ...asked];
  };
  const [traces, explain] = ['/api/search', `/api/explain/${'0'.repeat(31)}1`];

  it('asks for its own, whether it says so or not', async () => {
    for (const orgId of [undefined, 'b']) {
      expect(await ask(traces, 'b', orgId)).toEqual([200, 'b']);
      expect(await ask(explain, 'b', orgId)).toEqual([404, 'b']);
    }
  });

  it.each([['a'], ['c'], [''], ['b,a'], [['b', 'a']], [['b', 'b']]])('asks for no other: %j', async (orgId) => {
    expect(await ask(traces, 'b', orgId)).toEqual([403]);
    expect(await ask(explain, 'b', orgId)).toEqual([403]);
  });

  it('sees nothing of what is all tenants\u2019', async () => {
    for (const url of ['/metrics', '/api/status']) expect(await ask(url, 'b')).toEqual([403]);
    expect(await ask('/', 'b')).toEqual([200]);
  });

  it('is not every token', async () => {
    expect(await ask(traces, 'all')).toEqual([200, 'a']);
    expect(await ask(traces, 'all', 'b')).toEqual([200, 'b']);
    expect(await ask('/api/status', 'all')).toEqual([200]);
  });
});

describe('credentials', () => {
  it('that come twice are none', async () => {
    const access = new AdminAccess(bearer(file));
    const it = app(access);
    const address = await it.app.listen({ host: '127.0.0.1', port: 0 });
    const right = `Bearer ${token('all')}`;
    const { statusCode } = await rawGet(`${address}/api/status`, [
      ['authorization', right],
      ['authorization', right],
    ]);
    expect(statusCode).toBe(401);
    expect((await rawGet(`${address}/api/status`, [['authorization', right]])).statusCode).toBe(200);
    expect(access.refused).toMatchObject({ unauthenticated: 1 });
  });

  it('that were retired are none from then on', async () => {
    const access = new AdminAccess(bearer(file));
    const it = app(access);
    const ask = async () =>
      (await it.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token('m')}` } })).statusCode;
    expect(await ask()).toBe(200);
    access.renew(bearer(`all: ${token('all')}`));
    expect(await ask()).toBe(401);
  });

  it('may be users with passwords, of whom a browser asks', async () => {
    const users = parsePasswordFile(
      'ana:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\nben:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
    );
    const it = app(new AdminAccess({ scheme: 'basic', key, users }));
    const ask = (authorization?: string) =>
      it.app.inject({ url: '/', headers: authorization === undefined ? {} : { authorization } });
    for (const user of ['ana', 'ben']) expect((await ask(basic(user, 'secret'))).statusCode, user).toBe(200);
    const refused = [await ask(), await ask(basic('ana', 'x')), await ask(basic('eve', 'secret'))];
    expect(refused.map(({ statusCode }) => statusCode).every((status) => status === 401 || status === 503)).toBe(true);
    expect(refused[0].headers['www-authenticate']).toBe('Basic realm="tailgate", charset="UTF-8"');
  });
});

describe('certificates of clients', () => {
  const { ca, server, client } = certificates;
  const ask = async (names: string[], credentials?: Credentials, authorization?: string): Promise<number[]> => {
    const admin = createAdminServer({
      endpoint: { host: '127.0.0.1', port: 0 },
      access: new AdminAccess(credentials, names),
      tls: credentialsOf(server, ca.ca),
      sources: usual,
      log,
    });
    const { port } = await admin.start();
    closing.push(() => admin.stop());
    const paths = ['/livez', '/metrics', '/api/status'];
    return Promise.all(paths.map((path) => statusBy(client, port, path, authorization)));
  };
  const statusBy = ({ cert, key: secret }: Issued, port: number, path: string, authorization?: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = authorization === undefined ? {} : { authorization };
      const options = { host: '127.0.0.1', port, path, headers, agent: false, cert, key: secret };
      const asked = https.request({ ...options, ca: ca.ca, servername: 'localhost' }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      asked.on('error', reject).end();
    });

  it('are enough where nothing else is asked for, if they have one of the names', async () => {
    expect(await ask(['*.test'])).toEqual([200, 200, 200]);
    expect(await ask(['another.test'])).toEqual([200, 403, 403]);
  });

  it('are asked for beside a token', async () => {
    expect(await ask(['sender.test'], bearer(file))).toEqual([200, 401, 401]);
    expect(await ask(['sender.test'], bearer(file), `Bearer ${token('m')}`)).toEqual([200, 200, 403]);
    expect(await ask(['another.test'], bearer(file), `Bearer ${token('all')}`)).toEqual([200, 403, 403]);
  });
});

describe('a page of another site', () => {
  const change = async (headers: Record<string, string>) => {
    const it = app(new AdminAccess(bearer(file)));
    const answer = await it.app.inject({
      method: 'POST',
      url: '/api/test-change',
      headers: { host: 'localhost:8888', authorization: `Bearer ${token('all')}`, ...headers },
    });
    return answer.statusCode;
  };

  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ origin: 'http://localhost:9999' }],
    [{ origin: 'http://localhost:8888.evil.example' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
    [{ 'sec-fetch-site': 'same-origin, cross-site' }],
    [{ origin: 'http://localhost:8888', 'sec-fetch-site': 'cross-site' }],
  ])('changes nothing with the credentials of its reader: %j', async (headers) => {
    expect(await change(headers)).toBe(403);
  });

  it.each([
    [{}],
    [{ origin: 'http://localhost:8888' }],
    [{ origin: 'https://localhost:8888', 'sec-fetch-site': 'same-origin' }],
    [{ 'sec-fetch-site': 'none' }],
  ])('is not what a tool or our own page is: %j', async (headers) => {
    expect(await change(headers)).toBe(200);
  });

  it('cannot show ours, nor load what we answer', async () => {
    const { headers } = await app().app.inject({ url: '/' });
    expect(headers).toMatchObject({
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    });
  });
});

/** A request with headers as they are, doubled ones too. */
async function rawGet(url: string, headers: [string, string][]): Promise<{ statusCode: number }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      { agent: false, headers: ['host', 'localhost', ...headers.flat()] as never },
      (answer) => {
        answer.resume().on('end', () => resolve({ statusCode: answer.statusCode ?? 0 }));
      },
    );
    asked.on('error', reject).end();
  });
}
