import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { status as Code } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { Exporter } from '../../src/model/export-request.ts';
import { configOf, failedIn, namesIn, requestOf, spansOf, sumOf } from './fakes.ts';
import { type GrpcAnswer, grpcFailure, grpcServer, partialSuccess, unpacked } from './servers.ts';

const empty = Buffer.alloc(0);

async function exporterTo(endpoint: string, overrides: Parameters<typeof configOf>[0] = {}): Promise<Exporter> {
  const exporter = await openOtlpExporter(configOf({ endpoint, initialMs: 5, maxMs: 20, ...overrides }));
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

describe('an OTLP/gRPC server', () => {
  it.each(['gzip', 'none'] as const)('gets the very bytes, with the headers (compression %s)', async (compression) => {
    const server = await grpcServer(() => empty);
    const exporter = await exporterTo(server.url, { compression, headers: { 'X-Scope-OrgID': 'shop' } });
    const stats = await deliver(exporter, spansOf(200));
    expect(stats).toMatchObject({ exportedSpans: 200, lastError: '', retries: 0 });
    expect(server.received[0].body).toEqual(Buffer.from(spansOf(200).body));
    expect(server.received[0].headers).toMatchObject({ 'x-scope-orgid': 'shop' });
    expect(server.received[0].headers['user-agent']).toBe('tailgate');
  });

  it('on grpc-js, which reads no zstd, gets all of it in gzip, several at once before it said so', async () => {
    const server = await grpcServer(() => empty);
    const exporter = await exporterTo(server.url, { compression: 'zstd' });
    const names = Array.from({ length: 12 }, (_, i) => `request ${i}`);
    for (const name of names) exporter.offer(requestOf([{ trace: 1, name }]));
    await vi.waitFor(() => expect(exporter.stats.queuedSpans).toBe(0), { timeout: 15_000, interval: 5 });
    expect(server.received.flatMap(({ body }) => namesIn(body)).toSorted()).toEqual(names.toSorted());
    expect(exporter.stats).toMatchObject({ exportedSpans: 12, retries: 0, copiedBytes: 0 });
    expect(exporter.stats.lastError).toMatch(/^requests go in gzip/);
  });

  it('gets a request above 4 MiB in one piece when it takes it, and many over one connection', async () => {
    const server = await grpcServer(() => empty);
    const exporter = await exporterTo(server.url, { maxBytes: 1 << 26 });
    for (let i = 0; i < 20; i++) exporter.offer(spansOf(1000));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(20_000));
    expect(server.received).toHaveLength(20);
  });

  it('is asked again after UNAVAILABLE, not before the delay of its RetryInfo', async () => {
    const arrivals: number[] = [];
    const server = await grpcServer((_, nth) => {
      arrivals.push(performance.now());
      return nth === 1 ? grpcFailure(Code.UNAVAILABLE, 'starting', 150) : empty;
    });
    const stats = await deliver(await exporterTo(server.url));
    expect(stats).toMatchObject({ exportedSpans: 5, retries: 1, lastError: 'UNAVAILABLE: starting' });
    expect(arrivals[1] - arrivals[0]).toBeGreaterThanOrEqual(149);
  });

  it('is asked again after RESOURCE_EXHAUSTED with RetryInfo, and only then', async () => {
    const withInfo = await grpcServer((_, nth) =>
      nth === 1 ? grpcFailure(Code.RESOURCE_EXHAUSTED, 'RATE_LIMITED', 20) : empty,
    );
    expect(await deliver(await exporterTo(withInfo.url))).toMatchObject({ exportedSpans: 5, retries: 1 });
    const without = await grpcServer(() => grpcFailure(Code.RESOURCE_EXHAUSTED, 'RATE_LIMITED'));
    expect((await deliver(await exporterTo(without.url))).failedSpans.rejected).toBe(5);
  });

  it('that takes nothing from us is asked once', async () => {
    const server = await grpcServer(() => grpcFailure(Code.UNAUTHENTICATED, 'who are you'));
    const stats = await deliver(await exporterTo(server.url));
    expect(server.received).toHaveLength(1);
    expect(stats.failedSpans.rejected).toBe(5);
    expect(stats.lastError).toBe('UNAUTHENTICATED: who are you');
  });

  it('that refuses one span for good gets the others', async () => {
    const server = await grpcServer(({ body }) =>
      namesIn(body).includes('span 3') ? grpcFailure(Code.INVALID_ARGUMENT, 'bad span') : empty,
    );
    const stats = await deliver(await exporterTo(server.url), spansOf(8));
    expect(stats).toMatchObject({
      exportedSpans: 7,
      failedSpans: { rejected: 1 },
      lastError: 'INVALID_ARGUMENT: bad span',
    });
    const arrived = server.received.map(({ body }) => namesIn(body)).filter((names) => !names.includes('span 3'));
    expect(arrived.flat().toSorted()).toEqual([0, 1, 2, 4, 5, 6, 7].map((i) => `span ${i}`));
  });

  it('that has no such method is told apart from one that is down', async () => {
    const server = await grpcServer(() => grpcFailure(Code.UNIMPLEMENTED, 'unknown service'));
    expect((await deliver(await exporterTo(server.url))).lastError).toBe('UNIMPLEMENTED: unknown service');
  });

  it('with a small message limit gets smaller pieces, each span once', async () => {
    const server = await grpcServer(({ body }) =>
      body.length > 300
        ? grpcFailure(Code.RESOURCE_EXHAUSTED, `Received message larger than max (${body.length} vs 300)`)
        : empty,
    );
    const stats = await deliver(await exporterTo(server.url), spansOf(40));
    expect(stats).toMatchObject({ exportedSpans: 40 });
    const names = server.received
      .filter(({ body }) => body.length <= 300)
      .flatMap(({ body }) => body.toString().match(/span \d+/g));
    expect(names.toSorted()).toEqual(Array.from({ length: 40 }, (_, i) => `span ${i}`).toSorted());
  });

  it('that takes a part of it says which', async () => {
    const server = await grpcServer(() => partialSuccess(2, 'two spans are too old'));
    const stats = await deliver(await exporterTo(server.url));
    expect(stats).toMatchObject({ exportedSpans: 3, failedSpans: { partial: 2 } });
    expect(stats.lastError).toBe('2 of 5 spans rejected: two spans are too old');
  });

  it('that answers with something else is not taken for one', async () => {
    const server = await grpcServer(() => Buffer.from('<html>'));
    const stats = await deliver(await exporterTo(server.url));
    expect(stats.failedSpans.rejected).toBe(5);
    expect(stats.lastError).toMatch(/not an OTLP response/);
  });

  it('that never answers is asked again after the timeout, and counts once it does', async () => {
    const server = await grpcServer((_, nth): GrpcAnswer => (nth === 1 ? 'never' : empty));
    const stats = await deliver(await exporterTo(server.url, { timeoutMs: 100 }));
    expect(stats).toMatchObject({ exportedSpans: 5, retries: 1 });
    expect(stats.lastError).toMatch(/no answer within 100 ms|DEADLINE_EXCEEDED/);
  });

  it('is reached whatever the timeout is, also where half of it is no whole millisecond', async () => {
    const server = await grpcServer(() => empty);
    expect(await deliver(await exporterTo(server.url, { timeoutMs: 2_001 }))).toMatchObject({
      exportedSpans: 5,
      retries: 0,
    });
  });

  it('that is down is waited for', async () => {
    const down = await grpcServer(() => empty);
    down.stop();
    const exporter = await exporterTo(down.url);
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(exporter.stats.retries).toBeGreaterThan(2));
    expect(exporter.stats.lastError).toMatch(/UNAVAILABLE.*ECONNREFUSED/);
    const up = await grpcServer(() => empty, down.port);
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(5), { timeout: 15_000 });
    expect(up.received).toHaveLength(1);
    expect(failedIn(exporter.stats)).toBe(0);
  });

  it('that goes away between two requests is found again', async () => {
    const first = await grpcServer(() => empty);
    const exporter = await exporterTo(first.url);
    await deliver(exporter);
    first.stop();
    await grpcServer(() => empty, first.port);
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(10), { timeout: 15_000 });
  });

  it('whose machine vanished without a word is reached by a new connection', async () => {
    const server = await grpcServer(() => empty);
    const relay = await blackoutRelay(server.port);
    const exporter = await exporterTo(relay.url, { timeoutMs: 300 });
    await deliver(exporter);
    relay.blackout();
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(10), { timeout: 15_000 });
    expect(relay.connections).toBe(2);
  });

  it('that never answers is let go at the shutdown deadline', async () => {
    const server = await grpcServer((): GrpcAnswer => 'never');
    const exporter = await exporterTo(server.url);
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(server.received).toHaveLength(1));
    await exporter.drain(systemClock.monotonicMs() + 50);
    expect(exporter.stats.failedSpans.shutdown).toBe(5);
    await vi.waitFor(() => expect(server.cancelled).toEqual([1]));
  });

  it('nobody is there at shutdown: the spans are counted and the exporter ends', async () => {
    const down = await grpcServer(() => empty);
    down.stop();
    const exporter = await exporterTo(down.url, { initialMs: 60_000, maxMs: 60_000 });
    exporter.offer(spansOf(5));
    await vi.waitFor(() => expect(exporter.stats.retries).toBe(1));
    await exporter.drain(systemClock.monotonicMs() + 10_000);
    expect(exporter.stats.failedSpans.shutdown).toBe(5);
  });
});

/**
 * Passes connections through until the blackout: then those that are open stay open and carry nothing; new ones work.
 */
async function blackoutRelay(port: number) {
  const pairs: [Socket, Socket][] = [];
  let connections = 0;
  const relay = createTcpServer((near) => {
    connections++;
    const far = connect(port, '127.0.0.1');
    pairs.push([near, far]);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of pairs.flat()) socket.destroy();
    relay.close();
  });
  return {
    url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    blackout() {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
  };
}

describe('what is on the wire', () => {
  it.each(['zstd', 'gzip', 'none'] as const)(
    'is one frame whose flag, header and bytes agree (compression %s)',
    async (compression) => {
      const { url, calls } = await wireServer();
      await deliver(await exporterTo(url, { compression }), spansOf(300));
      const [{ headers, frame }] = calls;
      const message = frame.subarray(5);
      expect(headers['grpc-encoding']).toBe(compression === 'none' ? undefined : compression);
      expect(headers['content-type']).toBe('application/grpc');
      expect(headers['grpc-timeout']).toMatch(/^\d+[mS]$/);
      expect(frame[0]).toBe(compression === 'none' ? 0 : 1);
      expect(frame.readUInt32BE(1)).toBe(message.length);
      expect(unpacked(message, compression)).toEqual(Buffer.from(spansOf(300).body));
      if (compression !== 'none') expect(message.length).toBeLessThan(spansOf(300).body.length / 4);
    },
  );

  it('was compressed once: each try sends the same bytes', async () => {
    const { url, calls } = await wireServer(2);
    const stats = await deliver(await exporterTo(url, { compression: 'gzip' }));
    expect(stats).toMatchObject({ exportedSpans: 5, retries: 2 });
    expect(calls).toHaveLength(3);
    expect(calls[1].frame).toEqual(calls[0].frame);
    expect(calls[2].frame).toEqual(calls[0].frame);
    expect(gunzipSync(calls[2].frame.subarray(5))).toEqual(Buffer.from(spansOf(5).body));
  });
});

/** A bare HTTP/2 server that shows what is sent; it answers UNAVAILABLE so many times and then OK. */
async function wireServer(failures = 0) {
  const calls: { headers: IncomingHttpHeaders; frame: Buffer }[] = [];
  const server = createServer();
  server.on('stream', async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    calls.push({ headers, frame: Buffer.concat(chunks) });
    const code = calls.length > failures ? Code.OK : Code.UNAVAILABLE;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(code) }));
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}
