import http from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connect, ended, frame, open } from './support/grpc-wire.ts';
import { refusals, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
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
