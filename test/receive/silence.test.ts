import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect, ended, frame, open } from './support/grpc-wire.ts';
import { ping, preface, settings } from './support/http2-wire.ts';
import { refusals, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';

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
  stream.write(frame(requestOf(2)).subarray(0, 50));
  await until(() => gateway.intake.open === 1);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(gateway.intake.open).toBe(1);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await end).toMatchObject({ status: 4, message: 'no data for 30 s' });
  expect(gateway.intake.abandoned).toBe(1);
  expect(refusals(gateway.stats)).toEqual({ timeout: 1 });
  session.close();
});

it('an HTTP sender that falls silent in the middle of its body gets a 408 after 30 s, and the connection closes', async () => {
  await using gateway = await start('http');
  const request = http.request({
    port: gateway.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/traces',
    headers: { 'content-type': 'application/x-protobuf', 'content-length': '500' },
  });
  const answer = new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
  request.on('error', () => {});
  request.write(requestOf(1).subarray(0, 50));
  await until(() => gateway.intake.open === 1);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await answer).toMatchObject({ statusCode: 408, headers: { connection: 'close' } });
  expect(gateway.intake.abandoned).toBe(1);
  request.destroy();
});

/** A bare connection that says no more than this, and does not leave when the other side does. */
async function lingering(port: number, ...says: readonly Uint8Array[]) {
  const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
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
