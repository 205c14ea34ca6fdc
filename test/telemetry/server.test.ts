import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import type { Explanation } from '../../src/model/explanation.ts';
import { senders } from '../../src/receive/reading.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { ProcessProbe } from '../../src/telemetry/process.ts';
import { createAdminApp, createAdminServer } from '../../src/telemetry/server.ts';
import type { AdminSources, TempoAnswer } from '../../src/telemetry/sources.ts';
import { startedAt, statsAfterTraffic } from './sample.ts';
import { parseTextFormat } from './text-format.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const explanation: Explanation = {
  traceId,
  verdict: 'drop',
  policy: '',
  votes: [{ policy: 'errors', vote: 'abstain' }],
  shadowVotes: [],
  threshold: '',
  adjustedCount: 0,
  revision: 'r7',
  trigger: 'wait',
  complete: true,
  spans: 4,
  bytes: 1800,
  firstSpanAt: startedAt,
  decidedAt: startedAt + 15_000,
  lateSpans: 0,
};

function sources(changes: Partial<AdminSources> = {}): AdminSources {
  return {
    identity: { version: '1.2.3', environment: 'staging', shards: 1, startedAt },
    uptimeMs: () => 90_999,
    stats: async () => statsAfterTraffic(),
    explain: async (id) => (id === traceId ? explanation : undefined),
    notReady: () => '',
    notLive: () => '',
    ...changes,
  };
}

interface Line {
  readonly event: string;
  readonly fields: Record<string, unknown> | undefined;
}

function memoryLog(lines: Line[] = []): Log {
  const write = (event: string, fields?: Record<string, unknown>) => void lines.push({ event, fields });
  return { debug: write, info: write, warn: write, error: write, lostLines: () => 0 };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function app(changes: Partial<AdminSources> = {}, lines: Line[] = []) {
  const probe = new ProcessProbe(startedAt);
  const result = createAdminApp({ sources: sources(changes), log: memoryLog(lines) }, probe);
  closing.push(
    () => result.close(),
    () => probe.close(),
  );
  return result;
}

const get = (url: string, changes: Partial<AdminSources> = {}, headers: Record<string, string> = {}) =>
  app(changes).inject({ method: 'GET', url, headers });

describe('the probes', () => {
  it.each(['/livez', '/readyz'])('%s answers 200 ok', async (path) => {
    const answer = await get(path);
    expect([answer.statusCode, answer.body]).toEqual([200, 'ok\n']);
  });

  it('/readyz answers 503 with the reason in one line, while /livez stays ok', async () => {
    const draining = { notReady: () => 'draining:\n12 traces wait' };
    const answer = await get('/readyz', draining);
    expect([answer.statusCode, answer.body]).toEqual([503, 'draining: 12 traces wait\n']);
    expect((await get('/livez', draining)).statusCode).toBe(200);
  });

  it('/livez answers 503 with the reason', async () => {
    const answer = await get('/livez', { notLive: () => 'no tick for 12 s' });
    expect([answer.statusCode, answer.body]).toEqual([503, 'no tick for 12 s\n']);
  });
});

describe('whoever names another host', () => {
  const paths = ['/', '/metrics', '/api/status', `/api/explain/${traceId}`, '/api/search', '/nowhere'];

  it.each(paths)('gets nothing of %s', async (url) => {
    const answer = await get(url, {}, { host: 'evil.example:8888' });
    expect(answer.statusCode).toBe(421);
    expect(answer.json().error).toContain('"evil.example:8888" is not a name of this gateway');
  });

  it.each(['localhost', 'localhost:8888', 'LOCALHOST.', '127.0.0.1:8888', '[::1]:8888', '10.1.2.3', hostname()])(
    'is none of %s',
    async (host) => expect((await get('/api/status', {}, { host })).statusCode).toBe(200),
  );

  it.each([
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::1].evil.example',
    'evil.example',
    '127.1',
    '0x7f.1',
  ])('is %s', async (host) => expect((await get('/api/status', {}, { host })).statusCode).toBe(421));

  it('is not one whom the operator named', async () => {
    const probe = new ProcessProbe(startedAt);
    const named = createAdminApp({ sources: sources(), log: memoryLog(), hosts: ['tailgate.obs.svc'] }, probe);
    closing.push(
      () => named.close(),
      () => probe.close(),
    );
    const ask = (host: string) => named.inject({ method: 'GET', url: '/api/status', headers: { host } });
    expect((await ask('Tailgate.obs.svc:8888')).statusCode).toBe(200);
    expect((await ask('other.obs.svc:8888')).statusCode).toBe(421);
  });

  it('may still ask whether the gateway lives', async () => {
    for (const url of ['/livez', '/readyz'])
      expect((await get(url, {}, { host: 'evil.example' })).statusCode).toBe(200);
  });
});

describe('/metrics', () => {
  it('answers in the text format, with what the process itself spends', async () => {
    const answer = await get('/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = parseTextFormat(answer.body);
    expect(families.get('tailgate_process_resident_memory_bytes')!.samples[0]!.value).toBeGreaterThan(1e6);
    expect(families.get('tailgate_build_info')!.samples[0]!.labels).toMatchObject({
      version: '1.2.3',
      environment: 'staging',
    });
  });

  it('answers in OpenMetrics when that is asked for', async () => {
    const answer = await get('/metrics', {}, { accept: 'application/openmetrics-text; version=1.0.0' });
    expect(answer.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(answer.body.endsWith('# EOF\n')).toBe(true);
  });
});

describe('/api/status', () => {
  it('answers what the contract names', async () => {
    const answer = await get('/api/status');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const status = answer.json();
    expect(status.uptimeSeconds).toBe(90);
    expect(status).toMatchObject({ version: '1.2.3', environment: 'staging', shards: 1 });
    expect(Object.keys(status)).toEqual([
      'version',
      'environment',
      'uptimeSeconds',
      'shards',
      'silentShards',
      'overload',
      'rules',
      'buffer',
      'window',
      'memory',
      'export',
      'books',
    ]);
    expect(status.rules).toEqual({
      revision: 'r7',
      hash: 'abcdef012345',
      source: 'consul:tailgate/sampling/staging',
      modifyIndex: 42,
      loadedAt: '2026-01-02T03:01:00.000Z',
      policies: ['errors', 'slow', 'routes', 'baseline'],
      debug: false,
      sourceAgeSeconds: 5,
      sourceError: '',
      follows: 'consul:tailgate/sampling/staging',
      sourceIndex: 45,
      sourceRefusal: 'baseline_percent: expected a number from 0 to 100',
      by: 'anna',
      writtenAt: '2026-01-02T03:00:59.000Z',
      why: 'quieter',
      lastRefusal: {
        at: '2026-01-02T03:01:10.000Z',
        error: 'baseline_percent: expected a number from 0 to 100',
        settled: false,
      },
    });
    expect(status.buffer).toEqual({
      bytes: 8 << 20,
      limitBytes: 512 << 20,
      traces: 12,
      spans: 150,
      oldestSeconds: 14.5,
    });
    expect(status.memory).toMatchObject({
      residentBytes: 130 << 20,
      idleBytes: 100 << 20,
      limitBytes: 2 ** 31,
      parts: { rows: 1 << 20 },
    });
    const parts = Object.values(status.memory.parts as Record<string, number>);
    expect(status.memory.sumBytes).toBe(parts.reduce((sum, bytes) => sum + bytes, 0));
    expect(status.export).toEqual([
      {
        name: 'tempo',
        failing: '',
        queueBytes: 9_500,
        lastError: 'UNAVAILABLE: connection refused',
        lastSuccessAt: '2026-01-02T03:01:20.000Z',
      },
    ]);
  });
});

describe('/api/explain/{traceId}', () => {
  it('tells why a trace was kept or dropped', async () => {
    expect((await get(`/api/explain/${traceId}`)).json()).toEqual(explanation);
    expect((await get(`/api/explain/${traceId.toUpperCase()}`)).json()).toEqual(explanation);
  });

  it('finds ids that were printed without leading zeros', async () => {
    const asked: string[] = [];
    await get('/api/explain/4bf92f3577b34da6', { explain: async (id) => void asked.push(id) });
    expect(asked).toEqual(['00000000000000004bf92f3577b34da6']);
  });

  it('answers 404 for one that is not remembered', async () => {
    const answer = await get('/api/explain/4bf92f3577b34da6a3ce929d0e0e4736');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({ error: expect.stringContaining('is not remembered') });
    expect(answer.json().error).toContain('200000 decisions');
  });

  it.each([
    'xyz',
    `${traceId}0`,
    '00000000000000000000000000000000',
    `${traceId.slice(1)}g`,
    `00-${traceId}-00f067aa0ba902b7-01`,
    '%3Cscript%3E',
    'a'.repeat(3000),
  ])('answers 400 for %s and says what an id looks like', async (id) => {
    const answer = await get(`/api/explain/${id}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual({
      error: expect.stringContaining('32 hex digits, such as 4bf92f3577b34da6a3ce929d0e0e4736'),
    });
  });
});

describe("Tempo's read API", () => {
  it('is answered by the embedded store: status, headers, body, and bytes as they are', async () => {
    const asked: unknown[] = [];
    const body = Uint8Array.of(10, 0, 255);
    const tempo = async (method: string, url: URL, accept: string): Promise<TempoAnswer> => {
      asked.push([method, url.pathname, url.search, accept]);
      return { status: 206, headers: { 'content-type': 'application/protobuf' }, body };
    };
    const answer = await get(`/api/traces/${traceId}?start=1`, { tempo }, { accept: 'application/protobuf' });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([206, 'application/protobuf']);
    expect(answer.rawPayload).toEqual(Buffer.from(body));
    expect(asked).toEqual([['GET', `/api/traces/${traceId}`, '?start=1', 'application/protobuf']]);
  });

  it.each([
    '/api/echo',
    '/api/search?q=%7B%7D',
    '/api/search/tags',
    '/api/search/tag/service.name/values',
    '/api/v2/search/tags',
    '/api/v2/search/tag/span.http.route/values',
    `/api/v2/traces/${traceId}`,
    '/api/status/buildinfo',
  ])('%s reaches the store', async (path) => {
    const tempo = async (_method: string, url: URL) => ({ status: 200, headers: {}, body: url.pathname + url.search });
    expect((await get(path, { tempo })).body).toBe(path);
  });

  it('leaves the tag in its path encoded, as it came', async () => {
    const tempo = async (_method: string, url: URL) => ({ status: 200, headers: {}, body: url.pathname });
    expect((await get('/api/v2/search/tag/a%2Fb/values', { tempo })).body).toBe('/api/v2/search/tag/a%2Fb/values');
  });

  it('without a store says where the traces went', async () => {
    const answer = await get('/api/search');
    expect(answer.statusCode).toBe(404);
    expect(answer.json().error).toMatch(/keeps no traces itself.*traces go to tempo/);
  });

  it('answers 404 for a path that the store does not have', async () => {
    const answer = await get('/api/nothing', { tempo: async () => undefined });
    expect([answer.statusCode, Object.keys(answer.json())]).toEqual([404, ['error']]);
  });
});

describe('the page', () => {
  it('stands alone and allows nothing but its own script and style', async () => {
    const answer = await get('/');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-/,
    );
    expect(answer.body).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('every other request', () => {
  it('HEAD has the head of GET and no body', async () => {
    for (const url of ['/', '/metrics', '/livez', '/readyz', '/api/status', `/api/explain/${traceId}`]) {
      const answer = await app().inject({ method: 'HEAD', url });
      expect([url, answer.statusCode, answer.body]).toEqual([url, 200, '']);
    }
    expect((await app({ notReady: () => 'starting' }).inject({ method: 'HEAD', url: '/readyz' })).statusCode).toBe(503);
  });

  it('answers 404 in JSON for an unknown path and names those there are', async () => {
    for (const url of ['/nothing', '/metrics/', '/api', '/api/explain']) {
      const answer = await get(url, { tempo: async () => undefined });
      expect([url, answer.statusCode]).toEqual([url, 404]);
      expect(answer.json()).toEqual({ error: expect.stringContaining('/api/status') });
    }
  });

  it.each(['POST', 'PUT', 'DELETE'] as const)('%s is answered 405, whatever it carries', async (method) => {
    const answer = await app().inject({
      method,
      url: '/api/status',
      payload: 'x'.repeat(100_000),
      headers: { 'content-type': 'application/xml' },
    });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect(answer.json().error).toContain('GET');
  });

  it('answers 400 in JSON for a path that cannot be decoded', async () => {
    const answer = await get('/api/explain/%zz');
    expect(answer.statusCode).toBe(400);
    expect(Object.keys(answer.json())).toEqual(['error']);
  });

  it('answers 500 without details when a source breaks, and logs what broke', async () => {
    const lines: Line[] = [];
    const broken = {
      stats: () => {
        throw new Error('secret detail');
      },
    };
    for (const url of ['/metrics', '/api/status']) {
      const answer = await app(broken, lines).inject(url);
      expect([answer.statusCode, Object.keys(answer.json())]).toEqual([500, ['error']]);
      expect(answer.body).not.toContain('secret');
    }
    const failing = { tempo: async () => Promise.reject(new Error('disk gone')) };
    expect((await app(failing, lines).inject('/api/search')).statusCode).toBe(500);
    expect(lines.map(({ event, fields }) => [event, fields!.path])).toEqual([
      ['admin_failed', '/metrics'],
      ['admin_failed', '/api/status'],
      ['admin_failed', '/api/search'],
    ]);
  });
});

describe('the server', () => {
  const server = (port: number, changes: Partial<AdminSources> = {}) =>
    createAdminServer({ endpoint: { host: '127.0.0.1', port }, sources: sources(changes), log: memoryLog() });

  it('tells which port it got, answers there, and is gone after stop', async () => {
    const admin = server(0);
    const { host, port } = await admin.start();
    expect([host, port > 0]).toEqual(['127.0.0.1', true]);
    expect(await (await fetch(`http://127.0.0.1:${port}/readyz`)).text()).toBe('ok\n');
    await admin.stop();
    await expect(fetch(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow();
  });

  it('says in one line that the port is in use', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    closing.push(() => other.close());
    const { port } = other.address() as AddressInfo;
    const admin = server(port);
    closing.push(() => admin.stop());
    const error = await admin.start().catch((it: unknown) => it);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toBe(
      `admin: cannot listen on 127.0.0.1:${port}: the port is in use; stop what listens there or set admin.endpoint (TAILGATE_ADMIN)`,
    );
  });

  it('says in one line that the address is not of this machine', async () => {
    const admin = createAdminServer({ endpoint: { host: '192.0.2.1', port: 0 }, sources: sources(), log: memoryLog() });
    closing.push(() => admin.stop());
    await expect(admin.start()).rejects.toThrow(
      'admin: cannot listen on 192.0.2.1:0: this machine has no such address',
    );
  });

  it('answers 32 requests that somebody sends ahead, refuses the next one and ends the connection', async () => {
    const admin = server(0);
    closing.push(() => admin.stop());
    const { port } = await admin.start();
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.on('data', (bytes) => (heard += bytes));
    const ended = new Promise((done) => socket.on('end', done));
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(300));
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    await ended;
    const statuses = [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
    expect(statuses).toEqual([...Array(32).fill('200'), '429']);
    socket.destroy();
  });

  it('answers while so much of what senders sent waits that none of them is read', async () => {
    const admin = server(0);
    closing.push(() => admin.stop());
    const { port } = await admin.start();
    const waits = 64 * 1024 * 1024;
    senders.waiting.keep({ stop: () => false, goOn: () => {} }, waits);
    closing.push(() => senders.waiting.serve(waits));
    const socket = connect(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    for (let n = 0; n < 3; n++) {
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(30_000) });
      expect(String(answer)).toContain('HTTP/1.1 200 OK');
    }
  }, 60_000);

  it('stops although somebody keeps an idle connection open', async () => {
    const admin = server(0);
    const { port } = await admin.start();
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((done) => socket.on('connect', done));
    const closed = new Promise<void>((done) => socket.on('close', () => done()));
    await admin.stop();
    socket.end();
    await closed;
  });

  it('takes a query of 128 KiB however it is encoded, and no endless one', async () => {
    let asked = '';
    const tempo = async (_method: string, url: URL) => {
      asked = url.searchParams.get('q') ?? '';
      return { status: 200, headers: {}, body: String(asked.length) };
    };
    const admin = server(0, { tempo });
    closing.push(() => admin.stop());
    const { port } = await admin.start();
    const get = (q: string) => fetch(`http://127.0.0.1:${port}/api/search?q=${encodeURIComponent(q)}`);
    const q = `{ name =~ "${'ä|'.repeat(43_000)}" }`;
    expect([await (await get(q)).text(), asked === q]).toEqual([String(q.length), true]);
    expect((await get('"'.repeat(140 * 1024))).status).toBe(431);
  });

  it('finishes an answer that is under way when it stops', async () => {
    let release = () => {};
    let reached = () => {};
    const asked = new Promise<void>((done) => (reached = done));
    const tempo = async () => {
      reached();
      await new Promise<void>((done) => (release = done));
      return { status: 200, headers: {}, body: 'late' };
    };
    const admin = server(0, { tempo });
    const { port } = await admin.start();
    const answer = fetch(`http://127.0.0.1:${port}/api/search`).then((it) => it.text());
    await asked;
    const stopped = admin.stop();
    release();
    expect(await answer).toBe('late');
    await stopped;
  });
});
