import { createServer as createHttpServer, type Server } from 'node:http';
import {
  createServer as createHttp2Server,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demo } from '../../../src/cli/demo/demo.ts';
import { decodeRequest, type SpanObject, spansIn } from '../../support/otlp.ts';
import { fakeProcess } from '../fake-process.ts';

/** A gateway that takes all spans, or refuses them as a test wants; what it took is kept. */
let http: Server;
let grpc: Http2Server;
let sessions: Set<Http2Session>;
let taken: { way: string; spans: SpanObject[] }[];
let httpStatus: number;
let grpcStatus: string;

beforeEach(async () => {
  taken = [];
  sessions = new Set();
  httpStatus = 200;
  grpcStatus = '0';
  http = createHttpServer(async (request, response) => {
    const body = Buffer.concat(await chunksOf(request));
    const gzip = request.headers['content-encoding'] === 'gzip';
    const status = body.length > 0 || httpStatus === 404 ? httpStatus : 200;
    if (status === 200) take(gzip ? 'gzip' : 'http', gzip ? gunzipSync(body) : body);
    response.writeHead(status).end();
  });
  grpc = createHttp2Server().on('session', (session) => sessions.add(session));
  grpc.on('stream', async (stream: ServerHttp2Stream, headers) => {
    expect(headers).toMatchObject({
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const message = Buffer.concat(await chunksOf(stream));
    expect(message.readUInt32BE(1)).toBe(message.length - 5);
    const status = message.length > 5 ? grpcStatus : '0';
    if (status === '0') take('grpc', message.subarray(5));
    answer(stream, status);
  });
  for (const server of [http, grpc]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  http.closeAllConnections();
  http.close();
  for (const session of sessions) session.destroy();
  grpc.close();
});

/** Like a gRPC server: the status in trailers, or at once in the headers where there is no message. */
function answer(stream: ServerHttp2Stream, status: string): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  if (status !== '0') return void stream.respond({ ...headers, 'grpc-status': status }, { endStream: true });
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
  stream.end(Buffer.alloc(5));
}

async function chunksOf(stream: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const take = (way: string, body: Uint8Array): void => {
  if (body.length > 0) taken.push({ way, spans: spansIn(decodeRequest(body)) });
};
const port = (server: Server | Http2Server): number => (server.address() as AddressInfo).port;
const targets = (): string[] => ['--grpc', `127.0.0.1:${port(grpc)}`, '--http', `127.0.0.1:${port(http)}`];
const run = async (...argv: string[]) => {
  const process = fakeProcess();
  return { code: await demo([...targets(), ...argv], process), process };
};

describe('tailgate demo', () => {
  it('sends whole traces once, some services over gRPC, some over HTTP, and ends', async () => {
    const { code, process } = await run('--once', '120', '--seed', '4');
    expect(code).toBe(0);
    const spans = taken.flatMap((request) => request.spans);
    expect(new Set(spans.map((span) => span.traceId)).size).toBe(120);
    expect(new Set(taken.map((request) => request.way))).toEqual(new Set(['grpc', 'http', 'gzip']));
    expect(process.err).toContain(`120 traces made, ${spans.length} spans taken by the gateway, 0 refused`);
  });

  it('sends only what has ended, and names traces to look at that are there', async () => {
    const { process } = await run('--once', '400', '--seed', '4');
    const sent = new Set(taken.flatMap((request) => request.spans.map((span) => span.traceId)));
    const named = [...process.out.matchAll(/bin\/obsctl trace show ([0-9a-f]{32}) {3}# (.*)/g)];
    expect(named.map((match) => match[2])).toEqual(expect.arrayContaining(['a slow request', 'a login']));
    for (const [, id] of named) expect(sent).toContain(id);
    const ends = taken.flatMap((request) =>
      request.spans.map((span) => Number(BigInt(span.endTimeUnixNano ?? 0) / 1_000_000n)),
    );
    expect(Math.max(...ends)).toBeLessThanOrEqual(Date.now());
  });

  it('goes on for as long as it is told, at the rate it is told', async () => {
    let clock = Date.now();
    const process = Object.assign(fakeProcess(), { now: () => (clock += 100) });
    expect(await demo([...targets(), '--rate', '100', '--duration', '400ms', '--seed', '1'], process)).toBe(0);
    expect(process.err).toContain('31 traces made');
    expect(taken.length).toBeGreaterThan(0);
  });

  it('stops when asked to, delivering what has ended', async () => {
    const stop = new AbortController();
    const process = fakeProcess({ signal: stop.signal });
    setTimeout(() => stop.abort(), 250);
    expect(await demo([...targets(), '--rate', '50', '--seed', '1'], process)).toBe(0);
    expect(taken.length).toBeGreaterThan(0);
  });

  it('sends the same traces for the same seed', async () => {
    const ids = async () => {
      taken = [];
      await run('--once', '20', '--seed', '77');
      return taken.flatMap((request) => request.spans.map((span) => span.traceId)).sort();
    };
    expect(await ids()).toEqual(await ids());
  });

  it('counts what the gateway refuses and says why', async () => {
    [httpStatus, grpcStatus] = [503, '14'];
    const { code, process } = await run('--once', '20', '--seed', '1');
    expect(code).toBe(1);
    expect(process.err).toMatch(
      /20 traces made, 0 spans taken by the gateway, [1-9]\d* refused \((HTTP 503|UNAVAILABLE)\)/,
    );
  });

  it('says at once that nobody listens', async () => {
    const process = fakeProcess();
    const code = await demo(['--grpc', '127.0.0.1:1', '--http', `127.0.0.1:${port(http)}`, '--once', '1'], process);
    expect(code).toBe(1);
    expect(process.err).toContain('cannot reach gRPC on 127.0.0.1:1 (connection refused): is the gateway running?');
    const other = fakeProcess();
    expect(await demo(['--grpc', `127.0.0.1:${port(grpc)}`, '--http', '127.0.0.1:1', '--once', '1'], other)).toBe(1);
    expect(other.err).toContain('cannot reach http://127.0.0.1:1 (connection refused)');
  });

  it('says that the port belongs to something else', async () => {
    httpStatus = 404;
    const { code, process } = await run('--once', '1');
    expect(code).toBe(1);
    expect(process.err).toContain('answers HTTP 404 to an empty OTLP request: is it a trace receiver?');
  });

  it.each([
    ['--rate', 'fast'],
    ['--rate', '0'],
    ['--duration', '5'],
    ['--profile', 'stormy'],
    ['--once', '-1'],
    ['--no-such-flag', ''],
  ])('ends with 2 for %s %s', async (...argv) => {
    expect((await run(...argv)).code).toBe(2);
  });
});
