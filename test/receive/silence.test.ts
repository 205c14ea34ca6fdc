import type http from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect, ended, frame, open } from './support/grpc-wire.ts';
import { frameOf, inWords, ping, preface, readFrames, settings } from './support/http2-wire.ts';
import { refusals, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';
import { dial, httpRequest } from './support/transport.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'hrtime'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a gRPC sender that falls silent in the middle of a message is told so after 30 s', async () => {
  await using gateway = await start('http2');
  const session = await connect(gateway.port);
  const stream = open(session);
  const end = ended(stream);
  stream.write(frame(requestOf(100)).subarray(0, 8000));
  await until(() => gateway.admission.inflightBytes > 0);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(gateway.admission.inflightBytes).toBeGreaterThan(8000);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await end).toMatchObject({ status: 4, message: 'no data for 30 s' });
  expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
  session.close();
});

it('an HTTP sender that falls silent in the middle of its body gets a 408 after 30 s, and the connection closes', async () => {
  await using gateway = await start('http');
  const request = httpRequest({
    port: gateway.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/traces',
    headers: { 'content-type': 'application/x-protobuf', 'content-length': '50000' },
  });
  const answer = new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
  request.on('error', () => {});
  request.write(Buffer.alloc(8000));
  await until(() => gateway.admission.inflightBytes > 0);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(gateway.admission.inflightBytes).toBeGreaterThan(8000);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await answer).toMatchObject({ statusCode: 408, headers: { connection: 'close' } });
  request.destroy();
});

it('a gRPC sender that trickles its message is ended after 5 s, and one beside it that sends 240 bytes a second is not', async () => {
  await using gateway = await start('http2');
  const session = await connect(gateway.port);
  const [trickle, steady] = [open(session), open(session)];
  const [trickleEnd, steadyEnd] = [ended(trickle), ended(steady)];
  const message = frame(requestOf(10));
  let at = 0;
  for (let second = 0; second < 6; second++) {
    trickle.write(message.subarray(second, second + 1));
    steady.write(message.subarray(at, (at += 300)));
    await new Promise((resolve) => session.ping(resolve));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(await trickleEnd).toMatchObject({ status: 4, message: 'less than 240 bytes a second' });
  steady.end(message.subarray(at));
  expect(await steadyEnd).toMatchObject({ status: 0 });
  expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
  session.close();
});

it.each(['application/x-protobuf', 'application/json'])(
  'an HTTP sender that trickles its body of %s gets a 408 after 5 s',
  async (type) => {
    await using gateway = await start('http');
    const request = httpRequest({
      port: gateway.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/v1/traces',
      headers: { 'content-type': type, 'content-length': '50000' },
    });
    const answer = new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
    request.on('error', () => {});
    request.write('{');
    await until(() => gateway.admission.inflightBytes > 0);
    await vi.advanceTimersByTimeAsync(4000);
    expect(refusals(gateway.stats)).toEqual({});
    await vi.advanceTimersByTimeAsync(2000);
    expect(await answer).toMatchObject({ statusCode: 408 });
    expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
    request.destroy();
  },
);

it.each([
  ['a frame', Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2])],
  ['a block of headers', frameOf(1, 1, Buffer.from([0x82]), 0)],
])('half of %s ends its connection after 30 s, whatever comes of it meanwhile', async (what, half) => {
  await using gateway = await start('http2');
  const client = dial(gateway.port).on('error', () => {});
  const closed = new Promise((resolve) => client.once('close', resolve));
  let heard = Buffer.alloc(0);
  client.on('data', (bytes: Buffer) => (heard = Buffer.concat([heard, bytes])));
  client.write(Buffer.concat([preface, settings(), half]));
  await until(() => heard.length > 0);
  for (let second = 0; second < 29; second += 5) {
    if (what !== 'a frame') client.write(frameOf(9, 1, Buffer.from([0x82]), 0));
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(5000);
  }
  await vi.advanceTimersByTimeAsync(2000);
  await closed;
  expect(inWords(readFrames(heard).at(-1) as never)).toBe('GOAWAY last=0 NO_ERROR');
  expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
});

it('half a head of an HTTP request is answered with a 408 after 30 s, and the connection ends', async () => {
  await using gateway = await start('http');
  const client = dial(gateway.port);
  let heard = '';
  client.on('data', (bytes) => (heard += bytes));
  const end = new Promise((resolve) => client.once('end', resolve));
  client.write('POST /v1/traces HTTP/1.1\r\nhost: x\r\n');
  for (let second = 0; second < 29; second++) {
    client.write('a');
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(heard).toBe('');
  await vi.advanceTimersByTimeAsync(2000);
  await end;
  expect(heard).toMatch(/^HTTP\/1.1 408 /);
  expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
});

/** A bare connection that says no more than this, and does not leave when the other side does. */
async function lingering(port: number, ...says: readonly Uint8Array[]) {
  const client = dial(port, { allowHalfOpen: true }).on('error', () => {});
  const heard = { bytes: 0, end: false };
  client.on('data', ({ length }) => {
    heard.bytes += length;
  });
  client.on('end', () => {
    heard.end = true;
  });
  for (const bytes of says) client.write(bytes);
  await until(() => heard.bytes > 0);
  /** Nobody is there any more to take what it says. */
  const isCut = (): Promise<void> =>
    until(() => {
      client.write(ping());
      return client.destroyed;
    });
  return { client, heard, isCut };
}

it('a connection that never says it speaks HTTP/2 is cut after 30 s; one that does may be silent', async () => {
  await using gateway = await start('http2');
  const dumb = await lingering(gateway.port, preface.subarray(0, 20));
  const silent = await lingering(gateway.port, preface, settings());
  await vi.advanceTimersByTimeAsync(29_000);
  expect([dumb.heard.end, silent.heard.end]).toEqual([false, false]);
  await vi.advanceTimersByTimeAsync(2000);
  await until(() => dumb.heard.end);
  await dumb.isCut();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(silent.heard.end).toBe(false);
  for (const { client } of [dumb, silent]) client.destroy();
});

it('a connection is asked to reconnect after half an hour, and cut two minutes later if it stays', async () => {
  await using gateway = await start('http2');
  const stubborn = await lingering(gateway.port, preface, settings());
  await vi.advanceTimersByTimeAsync(26 * 60_000);
  expect(stubborn.heard.end).toBe(false);
  await vi.advanceTimersByTimeAsync(7.5 * 60_000);
  await until(() => stubborn.heard.end);
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  await stubborn.isCut();
});

it('one that watches our health for ever is cut with its connection', async () => {
  await using gateway = await start('http2');
  const session = await connect(gateway.port);
  const told = new Promise((resolve) => session.once('goaway', resolve));
  const stream = open(session, { ':path': '/grpc.health.v1.Health/Watch' });
  const end = ended(stream);
  const heard = new Promise((resolve) => stream.once('data', resolve));
  stream.write(frame(Buffer.alloc(0)));
  await heard;
  await vi.advanceTimersByTimeAsync(33.5 * 60_000);
  await told;
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  expect((await end).status).toBeNaN();
  session.destroy();
});
