import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { fields } from '../receive/support/grpc-wire.ts';
import { refusals, start, until } from '../receive/support/receivers.ts';
import { encodeReference, requestJson, requestOf, spanJson } from '../receive/support/requests.ts';
import { dial, httpRequest, scheme } from '../receive/support/transport.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  /** Sent one after the other, without a Content-Length. */
  readonly chunks?: readonly Uint8Array[];
}

const protobuf = { 'content-type': 'application/x-protobuf' };
const json = { 'content-type': 'application/json' };

function send(
  port: number,
  { method = 'POST', path = '/v1/traces', headers = protobuf, body, chunks }: Sent,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode as number, headers: response.headers, body: Buffer.concat(parts) }),
      );
    });
    request.on('error', reject);
    for (const chunk of chunks ?? []) request.write(chunk);
    request.end(body);
  });
}

const statusOf = (body: Buffer): { code: unknown; message: string } => {
  const status = fields(body);
  return { code: status.get(1), message: Buffer.from(status.get(2) as Uint8Array).toString() };
};

describe('OTLP/HTTP', () => {
  it('takes large JSON, in one piece, in chunks and compressed, with a small request between', async () => {
    await using gateway = await start('http');
    const spans = Array.from({ length: 2_000 }, (_, i) => spanJson((i + 1).toString(16).padStart(16, '0')));
    const body = JSON.stringify(requestJson(spans));
    const chunks = Array.from({ length: 9 }, (_, i) =>
      Buffer.from(body).subarray(i * 2e5, i === 8 ? undefined : (i + 1) * 2e5),
    );
    const answers = await Promise.all([
      send(gateway.port, { headers: json, body }),
      send(gateway.port, { headers: json, chunks }),
      send(gateway.port, { headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(body) }),
      send(gateway.port, { headers: json, body: JSON.stringify(requestJson()) }),
    ]);
    expect(answers.map(({ status, body }) => [status, String(body)])).toEqual(new Array(4).fill([200, '{}']));
    const message = encodeReference(requestJson(spans));
    const accepted = gateway.intake.accepted.map(({ message }) => message).sort((a, b) => a.length - b.length);
    expect(accepted.map(({ length }) => length)).toEqual(
      [encodeReference(requestJson()), message, message, message].map(({ length }) => length),
    );
    for (const large of accepted.slice(1)) expect(large.equals(message)).toBe(true);
    expect(gateway.admission.inflightBytes).toBe(0);
  });

  it('forgets large JSON whose sender goes away while it is read', async () => {
    await using gateway = await start('http');
    const body = JSON.stringify(requestJson(Array.from({ length: 1_500 }, () => spanJson('eee19b7ec3c1b174'))));
    const half = body.length >> 1;
    const socket = dial(gateway.port);
    socket.on('error', () => {});
    const type = 'content-type: application/json';
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\n${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    );
    socket.write(body.slice(0, half));
    await until(() => gateway.admission.inflightBytes > 0);
    socket.write(body.slice(half), () => socket.resetAndDestroy());
    await until(() => gateway.admission.inflightBytes === 0);
    expect(gateway.admission.inflightBytes).toBe(0);
    expect((await send(gateway.port, { body: requestOf(1) })).status).toBe(200);
  });

  it('takes protobuf and answers 200 with an empty message of the same type', async () => {
    await using gateway = await start('http');
    const answer = await send(gateway.port, { body: requestOf(3) });
    expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'content-length': '0' });
    expect(gateway.intake.accepted).toEqual([{ message: requestOf(3), protocol: 'http_protobuf' }]);
    expect(refusals(gateway.stats)).toEqual({});
  });

  it('takes JSON and answers {}', async () => {
    await using gateway = await start('http');
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    const answer = await send(gateway.port, { headers, body: JSON.stringify(requestJson()) });
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('{}') });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(gateway.intake.accepted).toEqual([{ message: encodeReference(requestJson()), protocol: 'http_json' }]);
  });

  it('takes empty requests', async () => {
    await using gateway = await start('http');
    expect(await send(gateway.port, { body: '' })).toMatchObject({ status: 200 });
    expect(await send(gateway.port, { headers: json, body: '{}' })).toMatchObject({ status: 200 });
    expect(gateway.intake.accepted).toHaveLength(2);
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['zlib', deflateSync],
    ['zstd', zstdCompressSync],
    ['identity', (bytes: Buffer): Buffer => bytes],
  ])('takes %s, with a length and in chunks', async (encoding, pack) => {
    await using gateway = await start('http');
    const packed = pack(requestOf(100));
    const headers = { ...protobuf, 'content-encoding': encoding };
    const chunks = [packed.subarray(0, 10), packed.subarray(10)];
    expect((await send(gateway.port, { headers, body: packed })).status).toBe(200);
    expect((await send(gateway.port, { headers, chunks })).status).toBe(200);
    expect(gateway.intake.took(requestOf(100), requestOf(100))).toBe(true);
  });

  it('takes gzip JSON in chunks', async () => {
    await using gateway = await start('http');
    const chunks = [gzipSync(JSON.stringify(requestJson()))];
    expect((await send(gateway.port, { headers: { ...json, 'content-encoding': 'gzip' }, chunks })).status).toBe(200);
    expect(gateway.intake.took(encodeReference(requestJson()))).toBe(true);
  });

  it('says how many spans it rejected, in the type of the request', async () => {
    await using gateway = await start('http');
    const request = requestJson([spanJson('eee19b7ec3c1b174'), spanJson('zz')]);
    const inJson = await send(gateway.port, { headers: json, body: JSON.stringify(request) });
    const inProtobuf = await send(gateway.port, { body: encodeReference(requestJson([spanJson('')])) });
    expect(JSON.parse(inJson.body.toString())).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: '1 of 2 spans have an invalid id' },
    });
    expect(inJson.status).toBe(200);
    expect(fields(fields(inProtobuf.body).get(1) as Uint8Array).get(1)).toBe(1);
  });

  it.each([
    ['garbage', { body: 'garbage, not protobuf' }],
    ['broken gzip', { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: 'not gzip' }],
    [
      'gzip cut short',
      { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: gzipSync(requestOf(9)).subarray(0, 50) },
    ],
    ['an empty gzip body', { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: '' }],
  ])('answers 400 with a Status to %s', async (_what, sent) => {
    await using gateway = await start('http');
    const answer = await send(gateway.port, sent);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/x-protobuf');
    expect(statusOf(answer.body).code).toBe(3);
    expect(refusals(gateway.stats)).toEqual({ malformed: 1 });
  });

  it('says where JSON is broken, and which field is wrong', async () => {
    await using gateway = await start('http');
    const message = async (body: string): Promise<string> => {
      const answer = await send(gateway.port, { headers: json, body });
      expect(answer).toMatchObject({ status: 400, headers: { 'content-type': 'application/json' } });
      return JSON.parse(answer.body.toString()).message;
    };
    expect(await message('{"resourceSpans": [}')).toBe('not JSON: expected a value or ] at byte 19, found "}"');
    const span = { ...spanJson('eee19b7ec3c1b174'), startTimeUnixNano: '-1' };
    expect(await message(JSON.stringify(requestJson([span])))).toMatch(
      /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.startTimeUnixNano: "-1" is out of range/,
    );
  });

  it('answers 404, 405, 415 with a Status and what would have been right', async () => {
    await using gateway = await start('http');
    const elsewhere = await send(gateway.port, { path: '/v1/metrics', body: '' });
    const read = await send(gateway.port, { method: 'GET', headers: {} });
    const text = await send(gateway.port, { headers: { 'content-type': 'text/plain' }, body: 'x' });
    const untyped = await send(gateway.port, { headers: {}, body: 'x' });
    const packed = await send(gateway.port, {
      headers: { ...protobuf, 'content-encoding': 'br' },
      body: brotliCompressSync(requestOf(1)),
    });
    expect([elsewhere, read, text, untyped, packed].map(({ status }) => status)).toEqual([404, 405, 415, 415, 415]);
    expect(read.headers.allow).toBe('POST, OPTIONS');
    expect(packed.headers['accept-encoding']).toBe('gzip, deflate, zstd');
    expect(JSON.parse(text.body.toString()).message).toContain('application/x-protobuf or application/json');
    expect(statusOf(elsewhere.body).message).toContain('/v1/traces');
    expect(refusals(gateway.stats)).toEqual({
      not_found: 1,
      wrong_method: 1,
      unsupported_type: 2,
      unsupported_encoding: 1,
    });
  });

  it('ignores a query and takes parameters of the content type', async () => {
    await using gateway = await start('http');
    const headers = { 'content-type': 'application/x-protobuf; messageType="x"' };
    expect((await send(gateway.port, { path: '/v1/traces?a=b', headers, body: requestOf(1) })).status).toBe(200);
  });

  it('tells a sender when to come back', async () => {
    await using gateway = await start('http');
    gateway.intake.refuseLength = new Refusal('buffer_full', 'buffer full', 1500);
    const answer = await send(gateway.port, { body: requestOf(1) });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    expect(statusOf(answer.body)).toEqual({ code: 14, message: 'buffer full' });
    const inJson = await send(gateway.port, { headers: json, body: JSON.stringify(requestJson()) });
    expect(inJson).toMatchObject({ status: 503, headers: { 'retry-after': '2', 'content-type': 'application/json' } });
  });

  it('counts a request that is refused before its body once, and not as broken when its sender leaves then', async () => {
    await using gateway = await start('http');
    gateway.intake.refuseLength = new Refusal('buffer_full', 'buffer full', 1500);
    const sender = dial(gateway.port);
    sender.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"re',
    );
    const [answer] = (await once(sender, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 /);
    sender.end();
    await once(sender, 'close');
    expect(gateway.stats.refused).toMatchObject({ buffer_full: { requests: 1 }, malformed: { requests: 0 } });
    const broken = dial(gateway.port);
    broken.end('POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Le');
    await once(broken.resume(), 'close');
    expect(gateway.stats.refused).toMatchObject({ malformed: { requests: 1 } });
  });

  it('answers 413 to a body that is too large, before and after unpacking, without a hint to try again', async () => {
    await using gateway = await start('http', { maxRequestBytes: 100_000 });
    const large = Buffer.alloc(100_001);
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const answers = [
      await send(gateway.port, { body: large }),
      await send(gateway.port, { chunks: [large.subarray(0, 60_000), large.subarray(60_000)] }),
      await send(gateway.port, { headers: { ...protobuf, 'content-encoding': 'gzip' }, body: bomb }),
      await send(gateway.port, { headers: { ...json, 'content-encoding': 'gzip' }, body: bomb }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([413, 413, 413, 413]);
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual([undefined, undefined, undefined, undefined]);
    expect(gateway.intake.accepted).toEqual([]);
  });

  it('answers 500 when the gateway itself fails', async () => {
    await using gateway = await start('http');
    gateway.intake.accept = () => {
      throw new TypeError('a bug');
    };
    expect((await send(gateway.port, { body: requestOf(1) })).status).toBe(500);
    expect(gateway.errors).toEqual([new TypeError('a bug')]);
  });

  it('gives everything back when a sender leaves in the middle of its body', async () => {
    await using gateway = await start('http');
    const socket = dial(gateway.port);
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 5000\r\n\r\nabc',
    );
    await until(() => gateway.admission.inflightBytes > 0);
    // What it sent holds a chunk of the smallest size, whatever it said that it would send.
    expect(gateway.admission.inflightBytes).toBe(1024);
    socket.destroy();
    await until(() => gateway.admission.inflightBytes === 0);
  });

  it('answers what is not HTTP with a 400 and a Status, and goes on', async () => {
    await using gateway = await start('http');
    const heard = await new Promise<string>((resolve) => {
      const socket = dial(gateway.port, {}, () => socket.write('\x00\x01 nonsense\r\n\r\n'));
      let text = '';
      socket.on('data', (part) => (text += part));
      socket.on('close', () => resolve(text));
    });
    expect(heard).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\{"code":3,"message":"not an HTTP request"\}$/);
    expect((await send(gateway.port, { body: requestOf(1) })).status).toBe(200);
  });

  it('serves many requests on one connection', async () => {
    await using gateway = await start('http');
    for (let i = 0; i < 20; i++) {
      const response = await fetch(`${scheme}://127.0.0.1:${gateway.port}/v1/traces`, {
        method: 'POST',
        headers: protobuf,
        body: new Uint8Array(requestOf(2)),
      });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    }
    expect(gateway.intake.accepted).toHaveLength(20);
  });
});

describe('browser pages', () => {
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-tenant',
  };

  it('may not send unless their origin is allowed', async () => {
    await using gateway = await start('http');
    const headers = { ...preflight, origin: 'https://shop.example' };
    const answer = await send(gateway.port, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(405);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('of an allowed origin may send, and read the answer', async () => {
    await using gateway = await start('http', { allowedOrigins: ['https://*.shop.example'] });
    const origin = 'https://eu.shop.example';
    const asked = await send(gateway.port, { method: 'OPTIONS', headers: { ...preflight, origin } });
    expect(asked).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'content-type,x-tenant',
      },
    });
    const sent = await send(gateway.port, { headers: { ...json, origin }, body: '{}' });
    expect(sent).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': origin, vary: 'Origin' } });
    const refused = await send(gateway.port, { headers: { ...json, origin }, body: '[' });
    expect(refused).toMatchObject({ status: 400, headers: { 'access-control-allow-origin': origin } });
  });

  it('of another origin get an answer without leave to read it', async () => {
    await using gateway = await start('http', { allowedOrigins: ['https://shop.example'] });
    const headers = { ...preflight, origin: 'https://shop.example.evil.example' };
    const answer = await send(gateway.port, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });
});
