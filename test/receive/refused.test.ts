import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { openAccess } from '../../src/receive/access.ts';
import { call, connect, ended, exportPath, frame, open } from './support/grpc-wire.ts';
import { post, Wire } from './support/http-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { refusals, type Started, start, until } from './support/receivers.ts';
import { encodeReference, requestJson, requestOf, spanJson } from './support/requests.ts';
import { dial } from './support/transport.ts';

/** What whoever runs the gateway is told, and that as much was counted. */
async function toldOf(gateway: Started, count = 1): Promise<string[]> {
  await until(() => gateway.refused.length >= count);
  const counted = Object.values(refusals(gateway.stats)).reduce((sum, requests) => sum + requests, 0);
  expect(gateway.refused.filter((told) => !told.startsWith('partial'))).toHaveLength(counted);
  return gateway.refused;
}

const here = String.raw`from (::ffff:)?127\.0\.0\.1`;
const garbage = Buffer.from('garbage');
const twoOfThreeBad = encodeReference(
  requestJson([spanJson('eee19b7ec3c1b174'), spanJson(''), { ...spanJson('eee19b7ec3c1b174'), traceId: 'abcd' }]),
);

describe('a call that is refused is told with its reason and where it came from', () => {
  const calls = {
    'no protobuf': [[frame(garbage)], {}, 'malformed', /./],
    'a flag that is none': [[frame(garbage, 7)], {}, 'malformed', /flag 7/],
    'no message': [[], {}, 'malformed', /without a message/],
    'cut short': [[frame(garbage, 0, 100)], {}, 'malformed', /cut short at 7/],
    'a timeout that is none': [[frame(requestOf(1))], { 'grpc-timeout': 'soon' }, 'malformed', /grpc-timeout soon/],
    'too large': [[frame(garbage, 0, 2 ** 30)], {}, 'too_large', /the limit is/],
    'an encoding that nobody knows': [[frame(garbage, 1)], { 'grpc-encoding': 'lzw' }, 'unsupported_encoding', /lzw/],
    'no gzip': [[frame(garbage, 1)], { 'grpc-encoding': 'gzip' }, 'malformed', /gzip/],
    'not gRPC': [[garbage], { 'content-type': 'application/x-protobuf' }, 'unsupported_type', /speaks gRPC/],
    'by GET': [[], { ':method': 'GET' }, 'wrong_method', /POST/],
    metrics: [[frame(garbage)], { ':path': exportPath.replace('Trace', 'Metrics') }, 'not_found', /MetricsService/],
    'a health check of nonsense': [[frame(garbage)], { ':path': '/grpc.health.v1.Health/Check' }, 'malformed', /./],
  } as const;

  it.each(Object.entries(calls))('%s', async (_, [chunks, headers, reason, why]) => {
    await using gateway = await start('http2');
    await call(gateway.port, chunks, headers);
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(new RegExp(`^${reason} ${here}: .*${why.source}`))]);
  });

  it('what is no gRPC message has no length that could be believed', async () => {
    await using gateway = await start('http2');
    await call(gateway.port, [garbage]);
    await toldOf(gateway);
    expect(gateway.stats.refused.malformed.bytes).toBeLessThanOrEqual(garbage.length);
  });

  it('spans that are left out of it', async () => {
    await using gateway = await start('http2');
    expect(await call(gateway.port, [frame(twoOfThreeBad)])).toMatchObject({ status: 0 });
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(`^partial 2 spans ${here}: 2 of 3 spans`)]);
  });

  it('a connection that speaks something else', async () => {
    await using gateway = await start('http2');
    dial(gateway.port)
      .on('error', () => {})
      .end('what is this\r\n');
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(`^malformed ${here}: HTTP/2: not HTTP/2`)]);
  });

  it('headers that are too long', async () => {
    await using gateway = await start('http2');
    const session = await connect(gateway.port);
    await ended(open(session, { 'x-long': 'x'.repeat(20_000) }));
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(`^malformed ${here}: HTTP/2: headers of more than`)]);
    session.close();
  });
});

describe('a request by HTTP that is refused, too', () => {
  const requests = {
    'no protobuf': [post(garbage), 'malformed', /./],
    'no JSON': [post(garbage, 'application/json'), 'malformed', /not JSON/],
    'no gzip': [post(garbage, undefined, 'Content-Encoding: gzip\r\n'), 'malformed', /gzip/],
    'no JSON in gzip': [
      post(gzipSync(garbage), 'application/json', 'Content-Encoding: gzip\r\n'),
      'malformed',
      /not JSON/,
    ],
    'an encoding that nobody knows': [
      post(garbage, undefined, 'Content-Encoding: lzw\r\n'),
      'unsupported_encoding',
      /lzw/,
    ],
    'another type': [post(garbage, 'text/plain'), 'unsupported_type', /text\/plain/],
    'too large': [post(Buffer.alloc(9 * 2 ** 20)), 'too_large', /the limit is/],
    metrics: [post(garbage, undefined, '', '/v1/metrics'), 'not_found', /nothing at \/v1\/metrics/],
    'by GET': [Buffer.from('GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n'), 'wrong_method', /GET/],
    'not HTTP': [Buffer.from('what is this\r\n\r\n'), 'malformed', /not an HTTP request/],
  } as const;

  it.each(Object.entries(requests))('%s', async (_, [bytes, reason, why]) => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    void wire.write(bytes);
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(new RegExp(`^${reason} ${here}: .*${why.source}`))]);
  });

  it.each(['application/x-protobuf', 'application/json'])('spans that are left out of it (%s)', async (type) => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const bad = requestJson([spanJson('eee19b7ec3c1b174'), spanJson(''), spanJson('')]);
    await wire.write(post(type === 'application/json' ? Buffer.from(JSON.stringify(bad)) : twoOfThreeBad, type));
    expect(await wire.answers(1)).toEqual([200]);
    expect(await toldOf(gateway)).toEqual([expect.stringMatching(`^partial 2 spans ${here}: `)]);
  });
});

it.each(['http2', 'http', 'grpc-js'] as const)(
  '%s: what may be sent again, or is a fault of ours, is not told so',
  async (kind) => {
    const intake = new ParsingIntake();
    await using gateway = await start(kind, { access: openAccess(intake) });
    const send = async (): Promise<void> => {
      if (kind !== 'http') await call(gateway.port, [frame(requestOf(1))]);
      else {
        using wire = new Wire(gateway);
        await wire.write(post(requestOf(1)));
        await wire.answers(1);
      }
    };
    intake.refuseMessage = new Refusal('buffer_full', 'later');
    await send();
    intake.refuseMessage = new Refusal('internal', 'the gateway failed on this request');
    await send();
    expect(refusals(gateway.stats)).toEqual({ buffer_full: 1, internal: 1 });
    expect(gateway.refused).toEqual([]);
    intake.refuseMessage = new Refusal('tenant_unknown', 'who is that');
    await send();
    expect(gateway.refused).toEqual([expect.stringMatching(`^tenant_unknown ${here}: who is that`)]);
  },
);

it('names the tenant whose request it was', async () => {
  const intake = Object.assign(new ParsingIntake(), { tenant: 'cart' });
  await using gateway = await start('http2', { access: openAccess(intake) });
  await call(gateway.port, [frame(garbage)]);
  await call(gateway.port, [frame(twoOfThreeBad)]);
  expect(await toldOf(gateway, 2)).toEqual([
    expect.stringMatching(`^malformed cart ${here}`),
    expect.stringMatching(`^partial 2 spans cart ${here}`),
  ]);
});
