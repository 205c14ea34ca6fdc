import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openOtlpExporter } from '../../src/export/export.ts';
import type { Exporter } from '../../src/model/export-request.ts';
import { configOf, spansOf, sumOf } from './fakes.ts';
import { forwardProxy } from './forward-proxy.ts';
import { partialSuccess, rpcStatus, unpacked } from './servers.ts';

interface Call {
  readonly headers: IncomingHttpHeaders;
  readonly frame: Buffer;
  readonly stream: ServerHttp2Stream;
}

type Answer = (call: Call, nth: number) => void;

/** A bare HTTP/2 server that shows what is sent, and answers each call as it is told to. Ends with the test. */
async function bareServer(answer: Answer, host = '127.0.0.1', port = 0) {
  const calls: Call[] = [];
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    calls.push({ headers, frame: Buffer.concat(chunks), stream });
    answer(calls.at(-1)!, calls.length);
  });
  const url = await listening(server, host, port);
  const stop = () => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  onTestFinished(stop);
  return { url, port: Number(new URL(url).port), calls, sessions, stop };
}

async function listening(server: Http2Server | ReturnType<typeof createTcpServer>, host = '127.0.0.1', port = 0) {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const grpc = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** Answers with a message, or none, and trailers. */
function respond(
  { stream }: Call,
  trailers: Record<string, string>,
  frame: Buffer = Buffer.alloc(5),
  head: object = {},
): void {
  stream.respond({ ...grpc, ...head }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(frame);
}
const ok: Answer = (call) => respond(call, { 'grpc-status': '0' });
const trailersOnly = ({ stream }: Call, fields: Record<string, string>) =>
  stream.respond({ ...grpc, ...fields }, { endStream: true });

function frameOf(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

type Overrides = Parameters<typeof configOf>[0];

async function exporterTo(endpoint: string, overrides: Overrides = {}, env = {}): Promise<Exporter> {
  const config = configOf({ endpoint, compression: 'gzip', initialMs: 5, maxMs: 20, ...overrides });
  const exporter = await openOtlpExporter(config, { env });
  onTestFinished(() => exporter.drain(0));
  return exporter;
}

async function deliver(exporter: Exporter, spans = 1) {
  const before = sumOf(exporter.stats);
  exporter.offer(spansOf(spans));
  await vi.waitFor(() => expect(exporter.stats.queuedSpans).toBe(0), { timeout: 30_000, interval: 5 });
  expect(sumOf(exporter.stats)).toBe(before + spans);
  return exporter.stats;
}

const encodingOf = ({ headers, frame }: Call): string => {
  const encoding = String(headers['grpc-encoding'] ?? 'none');
  expect(frame[0]).toBe(encoding === 'none' ? 0 : 1);
  expect(frame.readUInt32BE(1)).toBe(frame.length - 5);
  expect(unpacked(frame.subarray(5), encoding)).toEqual(Buffer.from(spansOf(1).body));
  return encoding;
};

describe('what a server says it reads', () => {
  it.each([
    ['gzip', 'identity, deflate, gzip', 'gzip'],
    ['gzip', 'gzip', 'gzip'],
    ['gzip', 'identity,gzip', 'gzip'],
    ['gzip', '  GZip ,identity', 'gzip'],
    ['gzip', ' ', 'gzip'],
    ['gzip', 'identity', 'none'],
    ['gzip', 'identity, deflate', 'none'],
    ['gzip', 'identity, x-gzip', 'none'],
    ['gzip', 'zstd', 'none'],
    ['zstd', 'gzip,ZSTD', 'zstd'],
    ['zstd', ' ', 'zstd'],
    ['zstd', 'identity, deflate, gzip', 'gzip'],
    ['zstd', 'identity', 'none'],
  ] as const)('%s, "%s": %s, header and flag together, from the second call on', async (compression, list, then) => {
    const accepting = { 'grpc-accept-encoding': list };
    const { url, calls } = await bareServer((call) => respond(call, { 'grpc-status': '0' }, undefined, accepting));
    const exporter = await exporterTo(url, { compression });
    for (let i = 0; i < 3; i++) await deliver(exporter);
    expect(calls.map(encodingOf)).toEqual([compression, then, then]);
    expect(exporter.stats).toMatchObject({ exportedSpans: 3, retries: 0 });
  });

  it('and grpc-go, which does not say it, but which encoding it lacks: the next ones are tried at once', async () => {
    const { url, calls } = await bareServer((call, nth) => {
      const encoding = encodingOf(call);
      if (encoding === 'none') return ok(call, nth);
      const message = `grpc: Decompressor is not installed for grpc-encoding "${encoding}"`;
      trailersOnly(call, { 'grpc-status': '12', 'grpc-message': message });
    });
    const exporter = await exporterTo(url, { compression: 'zstd' });
    for (let i = 0; i < 2; i++) await deliver(exporter);
    expect(calls.map(encodingOf)).toEqual(['zstd', 'gzip', 'none', 'none']);
    expect(exporter.stats).toMatchObject({ exportedSpans: 2, retries: 0 });
  });

  it('and an encoding it does not know, it need not keep: no other value of the name would do on the connection', async () => {
    const { url, calls } = await bareServer(ok);
    await deliver(await exporterTo(url, { compression: 'zstd' }));
    expect(Reflect.get(calls[0].headers, sensitiveHeaders)).toEqual(['grpc-encoding']);
  });

  it.each([
    ['', ['zstd', 'gzip', 'gzip']],
    ['no', ['zstd', 'gzip', 'gzip']],
    ['unknown service opentelemetry.proto.collector.trace.v1.TraceService', ['zstd', 'zstd']],
    ['Method not found!', ['zstd', 'zstd']],
  ])('in the code that gRPC has for it, with "%s" beside it: %j', async (said, tried) => {
    const { url, calls } = await bareServer((call, nth) =>
      encodingOf(call) === 'zstd' ? trailersOnly(call, { 'grpc-status': '12', 'grpc-message': said }) : ok(call, nth),
    );
    const exporter = await exporterTo(url, { compression: 'zstd' });
    for (let i = 0; i < 2; i++) await deliver(exporter);
    expect(calls.map(encodingOf)).toEqual(tried);
  });

  it('in that code, to whatever it gets: each request goes once in each encoding, and never in pieces', async () => {
    const { url, calls } = await bareServer((call) => trailersOnly(call, { 'grpc-status': '12' }));
    const stats = await deliver(await exporterTo(url, { compression: 'zstd' }), 40);
    expect(stats).toMatchObject({ failedSpans: { rejected: 40 }, lastError: 'UNIMPLEMENTED' });
    expect(calls.map(({ headers }) => headers['grpc-encoding'])).toEqual(['zstd', 'gzip', undefined]);
  });

  it('in a refusal without a message: it is sent again without compression at once', async () => {
    const { url, calls } = await bareServer((call) =>
      encodingOf(call) === 'gzip'
        ? trailersOnly(call, {
            'grpc-status': '12',
            'grpc-message': 'no gzip here',
            'grpc-accept-encoding': 'identity',
          })
        : ok(call, 0),
    );
    expect(await deliver(await exporterTo(url))).toMatchObject({ exportedSpans: 1, retries: 0 });
    expect(calls.map(encodingOf)).toEqual(['gzip', 'none']);
  });
});

describe('an answer', () => {
  const outcome = async (answer: Answer, overrides: Overrides = {}) => {
    const { url } = await bareServer(answer);
    return deliver(await exporterTo(url, { compression: 'none', giveUpAfterMs: 50, ...overrides }));
  };

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('compressed as the request was is read (%s)', async (encoding, pack) => {
    const message = pack(partialSuccess(1, 'too old'));
    const answer: Answer = (call) =>
      respond(call, { 'grpc-status': '0' }, frameOf(message, 1), { 'grpc-encoding': encoding });
    expect(await outcome(answer)).toMatchObject({
      failedSpans: { partial: 1 },
      lastError: '1 of 1 spans rejected: too old',
    });
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('that unpacks to more than 4 MiB is not (%s)', async (encoding, pack) => {
    const message = pack(Buffer.alloc(5 << 20));
    const answer: Answer = (call) =>
      respond(call, { 'grpc-status': '0' }, frameOf(message, 1), { 'grpc-encoding': encoding });
    expect((await outcome(answer)).lastError).toMatch(/^OK, but not an OTLP response: /);
  });

  it('in an encoding that was not offered is not', async () => {
    const answer: Answer = (call) =>
      respond(call, { 'grpc-status': '0' }, frameOf(Buffer.from('x'), 1), { 'grpc-encoding': 'snappy' });
    expect((await outcome(answer)).lastError).toBe('OK, but not an OTLP response: compressed as "snappy"');
  });

  it('without end is cut off', async () => {
    const answer: Answer = ({ stream }) => {
      stream.respond(grpc);
      const talk = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(1 << 18)));
      };
      stream.on('drain', talk);
      talk();
    };
    const stats = await outcome(answer);
    expect(stats).toMatchObject({ failedSpans: { rejected: 1 } });
    expect(stats.lastError).toBe('not an OTLP/gRPC answer: an answer above 4194304 bytes');
  });

  it('that ends at once (trailers only) is a status, its message percent-decoded', async () => {
    const answer: Answer = (call) =>
      trailersOnly(call, { 'grpc-status': '7', 'grpc-message': 'kein Zutritt f%C3%BCr%20Sie' });
    expect(await outcome(answer)).toMatchObject({
      failedSpans: { rejected: 1 },
      lastError: 'PERMISSION_DENIED: kein Zutritt für Sie',
    });
  });

  it.each(['', '='])('carries RetryInfo in base64 with or without "%s"', async (padding) => {
    const arrivals: number[] = [];
    const { url } = await bareServer((call, nth) => {
      arrivals.push(performance.now());
      if (nth > 1) return ok(call, nth);
      const details = rpcStatus('later', 150).toString('base64').replace(/=+$/, '');
      const padded = padding ? details.padEnd(Math.ceil(details.length / 4) * 4, '=') : details;
      trailersOnly(call, { 'grpc-status': '8', 'grpc-message': 'later', 'grpc-status-details-bin': padded });
    });
    expect(await deliver(await exporterTo(url))).toMatchObject({ exportedSpans: 1, retries: 1 });
    expect(arrivals[1] - arrivals[0]).toBeGreaterThanOrEqual(149);
  });

  it.each([
    [502, 'expired', 'UNAVAILABLE: Received HTTP status code 502'],
    [401, 'rejected', 'UNAUTHENTICATED: Received HTTP status code 401'],
    [404, 'rejected', 'UNIMPLEMENTED: Received HTTP status code 404'],
    [413, 'too_large', 'UNKNOWN: Received HTTP status code 413'],
  ])('of what stands between: HTTP %i is %s', async (status, reason, message) => {
    const answer: Answer = ({ stream }) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' });
      stream.end('<h1>no</h1>');
    };
    const stats = await outcome(answer);
    expect(stats.failedSpans).toMatchObject({ [reason]: 1 });
    expect(stats.lastError).toContain(message);
  });

  it.each([
    ['that is a page', { ':status': 200, 'content-type': 'text/html' }, 'rejected', /content type "text\/html"/],
    ['without a status', grpc, 'expired', /UNAVAILABLE: the answer ended without a status/],
  ] as const)('%s is not taken for one', async (_, head, reason, message) => {
    const stats = await outcome(({ stream }) => {
      stream.respond(head);
      stream.end('hello');
    });
    expect(stats.failedSpans).toMatchObject({ [reason]: 1 });
    expect(stats.lastError).toMatch(message);
  });

  it.each([['broken off', (call: Call) => call.stream.close(2), /UNAVAILABLE: .*NGHTTP2_INTERNAL_ERROR/]])(
    '%s is asked for again',
    async (_, fail, message) => {
      const { url, calls } = await bareServer((call, nth) => (nth === 1 ? fail(call) : ok(call, nth)));
      const stats = await deliver(await exporterTo(url));
      expect(stats).toMatchObject({ exportedSpans: 1, retries: 1, lastError: expect.stringMatching(message) });
      expect(calls).toHaveLength(2);
    },
  );

  it('that says it was not looked at: it goes again at once, and is no retry; three times', async () => {
    const { url, calls } = await bareServer((call, nth) => (nth % 3 > 0 ? call.stream.close(7) : ok(call, nth)));
    expect(await deliver(await exporterTo(url))).toMatchObject({ exportedSpans: 1, retries: 0, lastError: '' });
    const never = await bareServer((call) => call.stream.close(7));
    const stats = await deliver(await exporterTo(never.url, { giveUpAfterMs: 1, initialMs: 1000, maxMs: 1000 }));
    expect(stats).toMatchObject({ failedSpans: { expired: 1 }, lastError: expect.stringMatching(/REFUSED_STREAM/) });
    expect([calls.length, never.calls.length]).toEqual([3, 3]);
  });

  it('given before all was read ends the call', async () => {
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ...grpc, 'grpc-status': '16', 'grpc-message': 'who' }, { endStream: true });
    });
    const url = await listening(server);
    onTestFinished(() => {
      server.close();
    });
    const exporter = await exporterTo(url, { compression: 'none', maxBytes: 1 << 24 });
    exporter.offer(spansOf(50_000));
    await vi.waitFor(() => expect(exporter.stats.failedSpans.rejected).toBe(50_000), { timeout: 30_000 });
    expect(exporter.stats.lastError).toBe('UNAUTHENTICATED: who');
  });
});

describe('headers', () => {
  it('go as gRPC has them: lower case, binary ones in base64 without padding', async () => {
    const { url, calls } = await bareServer(ok);
    await deliver(
      await exporterTo(url, { headers: { 'X-Scope-OrgID': 'shop', 'trace-bin': 'AQID/w==', 'user-agent': 'us' } }),
    );
    expect(calls[0].headers).toMatchObject({ 'x-scope-orgid': 'shop', 'trace-bin': 'AQID/w', 'user-agent': 'us' });
    expect(calls[0].headers).toMatchObject({ te: 'trailers', 'content-type': 'application/grpc', ':method': 'POST' });
    expect(calls[0].headers['grpc-timeout']).toBe('10000m');
    expect(calls[0].headers[':authority']).toBe(url.slice('http://'.length));
  });

  it.each([
    [{ 'trace-bin': 'not base64!' }, /trace-bin.*base64/],
    [{ 'grpc-timeout': '1S' }, /grpc-timeout" belongs to the protocol/],
    [{ Connection: 'close' }, /Connection" belongs to the protocol/],
    [{ 'x!y': 'a' }, /x!y" is not one that gRPC allows/],
    [{ token: 'schlüssel' }, /token": gRPC takes printable ASCII only/],
  ])('that cannot go are an error at the start: %j', async (headers, message) => {
    await expect(exporterTo('http://127.0.0.1:1', { headers })).rejects.toThrow(message);
  });
});

describe('connections', () => {
  it('GOAWAY: calls under way end as they would, the next takes a new connection, nothing is sent twice', async () => {
    const held: Call[] = [];
    const { url, calls, sessions } = await bareServer((call, nth) => {
      if (nth > 1) return ok(call, nth);
      held.push(call);
      call.stream.session!.goaway();
    });
    const exporter = await exporterTo(url);
    exporter.offer(spansOf(1));
    await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 30_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    exporter.offer(spansOf(1));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(1), { timeout: 30_000 });
    ok(held[0], 1);
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(2), { timeout: 30_000 });
    expect(calls).toHaveLength(2);
    expect(sessions.size).toBe(2);
    expect(exporter.stats.retries).toBe(0);
  });

  it('GOAWAY with an error: what was under way is sent again', async () => {
    const { url, calls } = await bareServer((call, nth) =>
      nth === 1 ? call.stream.session!.goaway(11) : ok(call, nth),
    );
    expect(await deliver(await exporterTo(url))).toMatchObject({ exportedSpans: 1, retries: 1 });
    expect(calls).toHaveLength(2);
  });

  it('lost in the middle of a call: it is sent again on a new one', async () => {
    const { url } = await bareServer((call, nth) => (nth === 1 ? call.stream.session!.destroy() : ok(call, nth)));
    expect(await deliver(await exporterTo(url))).toMatchObject({ exportedSpans: 1, retries: 1 });
  });

  it('go to all addresses of a name, and on with the others when one is down', async () => {
    // localhost is ::1 and 127.0.0.1 wherever there is IPv6; one of them is down here in any case.
    const server = await bareServer(ok);
    const exporter = await exporterTo(`http://localhost:${server.port}`);
    for (let i = 0; i < 10; i++) await deliver(exporter);
    expect(exporter.stats).toMatchObject({ exportedSpans: 10, retries: 0 });
    expect(server.sessions.size).toBe(1);
  });

  it('are kept: a hundred requests go over one', async () => {
    const server = await bareServer(ok);
    const exporter = await exporterTo(server.url);
    for (let i = 0; i < 100; i++) exporter.offer(spansOf(1));
    await vi.waitFor(() => expect(exporter.stats.exportedSpans).toBe(100), { timeout: 30_000 });
    expect(server.sessions.size).toBe(1);
  });

  it('are not made without end to what is down', async () => {
    let accepted = 0;
    const server = createTcpServer((socket) => {
      accepted++;
      socket.destroy();
    });
    const url = await listening(server);
    onTestFinished(() => {
      server.close();
    });
    const exporter = await exporterTo(url, { initialMs: 1, maxMs: 1 });
    exporter.offer(spansOf(1));
    await vi.waitFor(() => expect(exporter.stats.retries).toBeGreaterThan(100), { timeout: 30_000 });
    expect(accepted).toBeLessThan(10);
  });

  it.each([
    ['HTTP/1.1', 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'],
    ['noise', '\0\xff'.repeat(5000)],
    ['nothing', ''],
  ])('to something that answers with %s are given up, with the reason', async (_, noise) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
      if (noise) socket.write(Buffer.from(noise, 'latin1'));
    });
    const url = await listening(server);
    onTestFinished(() => {
      server.close();
    });
    const exporter = await exporterTo(url, { timeoutMs: 300, giveUpAfterMs: 100 });
    const stats = await deliver(exporter);
    expect(stats).toMatchObject({ failedSpans: { expired: 1 } });
    expect(stats.lastError).toMatch(/UNAVAILABLE: |no answer within/);
  });

  it('to a name that nobody knows are tried again', async () => {
    const exporter = await exporterTo('http://nobody.invalid:4317', { giveUpAfterMs: 50 });
    expect((await deliver(exporter)).lastError).toMatch(
      /UNAVAILABLE: getaddrinfo (ENOTFOUND|EAI_AGAIN) nobody.invalid/,
    );
  });
});

describe('through a proxy', () => {
  it('a tunnel is asked for by name, with the credentials of the variable', async () => {
    const server = await bareServer(ok);
    const proxy = await forwardProxy(server.port);
    const HTTP_PROXY = proxy.url.replace('//', '//jo:s%40fe@');
    const exporter = await exporterTo('http://otlp.test:4317', {}, { HTTP_PROXY });
    for (let i = 0; i < 3; i++) await deliver(exporter);
    expect(exporter.stats).toMatchObject({ exportedSpans: 3, retries: 0 });
    expect(server.calls[0].headers[':authority']).toBe('otlp.test:4317');
    const authorization = `Basic ${btoa('jo:s@fe')}`;
    expect(proxy.asked).toEqual([{ method: 'CONNECT', target: 'otlp.test:4317', authorization }]);
  });

  it('that refuses: its answer is the reason, and it is asked again', async () => {
    const proxy = await forwardProxy(1, 407);
    const exporter = await exporterTo('http://otlp.test:4317', { giveUpAfterMs: 50 }, { http_proxy: proxy.url });
    expect((await deliver(exporter)).lastError).toMatch(/answered CONNECT otlp\.test:4317 with 407/);
  });

  it('is not asked for what NO_PROXY names, nor for this machine', async () => {
    const server = await bareServer(ok);
    const proxy = await forwardProxy(server.port);
    const exporter = await exporterTo(server.url, {}, { HTTP_PROXY: proxy.url });
    await deliver(exporter);
    expect(proxy.asked).toEqual([]);
  });
});
