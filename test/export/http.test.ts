import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { Exporter } from '../../src/model/export-request.ts';
import { configOf, failedIn, spansOf, sumOf } from './fakes.ts';
import { type HttpHandler, httpServer, partialSuccess, rpcStatus } from './servers.ts';

const protobuf = { 'content-type': 'application/x-protobuf' };
const ok: HttpHandler = (_, response) => response.writeHead(200, protobuf).end();

async function exporterTo(endpoint: string, overrides: Parameters<typeof configOf>[0] = {}): Promise<Exporter> {
  const settings = { endpoint, protocol: 'http' as const, initialMs: 5, maxMs: 20, ...overrides };
  const exporter = await openOtlpExporter(configOf(settings));
  onTestFinished(() => exporter.drain(0));
  return exporter;
}

/** Sends one request and waits until the books are closed on it. */
async function deliver(exporter: Exporter, request = spansOf(5)) {
  exporter.offer(request);
  await vi.waitFor(() => expect(exporter.stats.queuedSpans).toBe(0), { timeout: 15_000, interval: 5 });
  expect(sumOf(exporter.stats)).toBe(request.spans);
  return exporter.stats;
}

describe('an OTLP/HTTP server', () => {
  it.each(['zstd', 'gzip', 'none'] as const)(
    'gets the very bytes, with the headers (compression %s)',
    async (compression) => {
      const server = await httpServer(ok);
      const exporter = await exporterTo(server.url, { compression, headers: { 'X-Scope-OrgID': 'shop' } });
      expect(await deliver(exporter, spansOf(200))).toMatchObject({ exportedSpans: 200, lastError: '', retries: 0 });
      const [{ body, headers }] = server.received;
      expect(body).toEqual(Buffer.from(spansOf(200).body));
      expect(headers).toMatchObject({ 'x-scope-orgid': 'shop', 'user-agent': 'tailgate', ...protobuf });
      expect(headers['content-encoding']).toBe(compression === 'none' ? undefined : compression);
      const length = Number(headers['content-length']);
      if (compression !== 'none') expect(length).toBeLessThan(spansOf(200).body.length / 4);
      else expect(length).toBe(spansOf(200).body.length);
    },
  );

  it.each(['zstd', 'none'] as const)(
    'that takes no such media type, in no encoding, is not sent the batch in pieces (compression %s)',
    async (compression) => {
      const server = await httpServer((_, response) => response.writeHead(415).end('JSON only'));
      const stats = await deliver(await exporterTo(server.url, { compression }), spansOf(50));
      expect(stats).toMatchObject({ failedSpans: { rejected: 50 }, lastError: 'HTTP 415: JSON only' });
      expect(server.received).toHaveLength(compression === 'zstd' ? 3 : 1);
    },
  );

  it.each([
    [415, { 'accept-encoding': 'gzip;q=0.9, identity' }, '', ['zstd', 'gzip', 'gzip']],
    [415, { 'accept-encoding': 'X-GZIP ; Q=1, br' }, '', ['zstd', 'gzip', 'gzip']],
    [415, { 'accept-encoding': '*;q=0' }, '', ['zstd', undefined, undefined]],
    [415, { 'accept-encoding': '' }, '', ['zstd', undefined, undefined]],
    [415, {}, 'not here', ['zstd', 'gzip', 'gzip']],
    [400, {}, 'unsupported Content-Encoding: zstd', ['zstd', 'gzip', 'gzip']],
    [400, {}, 'proto: cannot parse invalid wire-format data', ['zstd', 'gzip', 'gzip']],
  ])('that answers zstd with %i, %j and "%s" gets %j', async (status, headers, said, tried) => {
    const server = await httpServer(({ headers: asked }, response) => {
      if (asked['content-encoding'] === 'zstd') response.writeHead(status, headers).end(said);
      else response.writeHead(200, protobuf).end();
    });
    const exporter = await exporterTo(server.url, { compression: 'zstd' });
    await deliver(exporter, spansOf(50));
    exporter.offer(spansOf(50));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(100), { timeout: 15_000 });
    expect(server.received.map((each) => each.headers['content-encoding'])).toEqual(tried);
    expect(server.received.map(({ body }) => body)).toEqual(tried.map(() => Buffer.from(spansOf(50).body)));
    expect(exporter.stats).toMatchObject({ retries: 0, copiedBytes: 0 });
  });

  it.each([
    ['', '/v1/traces'],
    ['/', '/v1/traces'],
    ['/otlp/traces', '/otlp/traces'],
    ['/otlp?token=x', '/otlp?token=x'],
    ['/?token=x', '/v1/traces?token=x'],
  ])('with the path "%s" is asked at %s', async (given, path) => {
    const server = await httpServer(ok);
    await deliver(await exporterTo(server.url + given));
    expect(server.requests[0]).toMatchObject({ method: 'POST', url: path });
  });

  it('is sent many requests over few connections', async () => {
    const server = await httpServer(ok);
    const exporter = await exporterTo(server.url);
    for (let i = 0; i < 40; i++) exporter.offer(spansOf(10));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(400));
    expect(new Set(server.requests.map(({ socket }) => socket)).size).toBeLessThanOrEqual(8);
  });

  it('is asked again after 503, not before its Retry-After', async () => {
    const arrivals: number[] = [];
    const server = await httpServer((request, response, received) => {
      arrivals.push(performance.now());
      if (arrivals.length > 1) return ok(request, response, received);
      response.writeHead(503, { ...protobuf, 'retry-after': '1' }).end(rpcStatus('starting'));
    });
    const stats = await deliver(await exporterTo(server.url));
    expect(stats).toMatchObject({ exportedSpans: 5, retries: 1, lastError: 'HTTP 503: starting' });
    expect(arrivals[1] - arrivals[0]).toBeGreaterThanOrEqual(999);
  });

  it.each([
    ['protobuf', protobuf, rpcStatus('trace ids must be 128 bit'), 'trace ids must be 128 bit'],
    ['JSON', { 'content-type': 'application/json' }, '{"code":3,"message":"no such tenant"}', 'no such tenant'],
    ['a page', { 'content-type': 'text/html' }, '<h1>no</h1>\n<p>go away', '<h1>no</h1> <p>go away'],
    ['broken protobuf', protobuf, 'oops', 'oops'],
  ])('that refuses for good is asked once, and its reason shown (%s)', async (_, headers, body, reason) => {
    const server = await httpServer((_request, response) => response.writeHead(400, headers).end(body));
    const stats = await deliver(await exporterTo(server.url), spansOf(1));
    expect(server.received).toHaveLength(1);
    expect(stats.failedSpans.rejected).toBe(1);
    expect(stats.lastError).toBe(`HTTP 400: ${reason}`);
  });

  it('that answers 413 gets smaller pieces', async () => {
    const server = await httpServer((_, response, { body }) => response.writeHead(body.length > 300 ? 413 : 200).end());
    expect(await deliver(await exporterTo(server.url), spansOf(40))).toMatchObject({ exportedSpans: 40 });
  });

  it.each([
    ['protobuf', protobuf, partialSuccess(2, 'two are too old')],
    [
      'JSON',
      { 'content-type': 'application/json' },
      '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"two are too old"}}',
    ],
  ])('that takes a part of it says which (%s)', async (_, headers, body) => {
    const server = await httpServer((_request, response) => response.writeHead(200, headers).end(body));
    const stats = await deliver(await exporterTo(server.url));
    expect(stats).toMatchObject({ exportedSpans: 3, failedSpans: { partial: 2 } });
    expect(stats.lastError).toBe('2 of 5 spans rejected: two are too old');
  });

  it.each([
    [202, {}, 'queued', 5],
    [200, { 'content-type': 'application/json' }, '{}', 5],
    [204, {}, undefined, 5],
    [200, { 'content-type': 'text/html' }, '<h1>Welcome</h1>', 0],
    [200, protobuf, '<h1>Welcome</h1>', 0],
    [302, { location: 'https://elsewhere/' }, undefined, 0],
  ])('that answers %i %j %j took %i of 5 spans', async (status, headers, body, exportedSpans) => {
    const server = await httpServer((_, response) => response.writeHead(status, headers).end(body));
    const stats = await deliver(await exporterTo(server.url));
    expect(stats).toMatchObject({ exportedSpans, failedSpans: { rejected: 5 - exportedSpans } });
  });

  it('that talks without end is cut short', async () => {
    const server = await httpServer((_, response) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      const talk = () => {
        while (!response.destroyed && response.write('blah '.repeat(10_000)));
      };
      response.on('drain', talk);
      talk();
    });
    const stats = await deliver(await exporterTo(server.url));
    expect(stats.failedSpans.rejected).toBe(5);
    expect(stats.lastError.length).toBeLessThan(600);
  });

  it('that never answers is asked again after the timeout', async () => {
    const server = await httpServer((request, response, received) => {
      if (server.received.length > 1) ok(request, response, received);
    });
    const stats = await deliver(await exporterTo(server.url, { timeoutMs: 100 }));
    expect(stats).toMatchObject({ exportedSpans: 5, retries: 1, lastError: 'no answer within 100 ms' });
    await vi.waitFor(() => expect(server.requests[0].socket.destroyed).toBe(true));
  });

  it('that hangs up without an answer is asked again', async () => {
    const server = await httpServer((request, response, received) => {
      if (server.received.length > 1) ok(request, response, received);
      else request.socket.destroy();
    });
    expect(await deliver(await exporterTo(server.url))).toMatchObject({ exportedSpans: 5, retries: 1 });
  });

  it('that is down is waited for', async () => {
    const down = await httpServer(ok);
    await down.stop();
    const exporter = await exporterTo(down.url);
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(exporter.stats.retries).toBeGreaterThan(2));
    expect(exporter.stats.lastError).toMatch(/ECONNREFUSED/);
    await httpServer(ok, down.port);
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(5), { timeout: 15_000 });
    expect(failedIn(exporter.stats)).toBe(0);
  });
});
