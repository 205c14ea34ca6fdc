import type http from 'node:http';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { UsageError } from '../../src/errors.ts';
import { openAccess } from '../../src/receive/access.ts';
import { Admission } from '../../src/receive/admission.ts';
import { createGrpcReceiver } from '../../src/receive/grpc.ts';
import { createHttpReceiver } from '../../src/receive/http.ts';
import { ReceiveStats } from '../../src/receive/stats.ts';
import { connect, ended, frame, open } from './support/grpc-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { type Kind, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';
import { dial, HttpAgent, httpRequest } from './support/transport.ts';

const kinds: Kind[] = ['http2', 'grpc-js', 'http'];
const halves = (message: Buffer): [Buffer, Buffer] => [message.subarray(0, 100), message.subarray(100)];

const refusesConnections = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial(port, {}, () => resolve(false));
    socket.on('error', () => resolve(true));
  });

describe.each(['http2', 'grpc-js'] as const)('draining %s', (kind) => {
  it('lets a call under way finish, and takes no new connection', async () => {
    await using gateway = await start(kind);
    const [first, rest] = halves(frame(requestOf(3)));
    const session = await connect(gateway.port);
    const stream = open(session);
    const end = ended(stream);
    await new Promise((resolve) => stream.write(first, resolve));
    await new Promise((resolve) => session.ping(resolve));
    const told = new Promise((resolve) => session.once('goaway', resolve));
    const drained = gateway.receiver.stopReceiving(systemClock.monotonicMs() + 10_000);
    await told;
    expect(await refusesConnections(gateway.port)).toBe(true);
    stream.end(rest);
    expect((await end).status).toBe(0);
    await drained;
    expect(gateway.intake.took(requestOf(3))).toBe(true);
  });

  it('cuts what is not done at the deadline, and gives back what it held', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    const stream = open(session);
    const end = ended(stream);
    stream.write(halves(frame(requestOf(3)))[0]);
    await new Promise((resolve) => session.ping(resolve));
    await gateway.receiver.stopReceiving(systemClock.monotonicMs() + 50);
    expect((await end).status).not.toBe(0);
    expect(gateway.admission.inflightBytes).toBe(0);
  });
});

describe('draining http', () => {
  const begin = (port: number): http.ClientRequest =>
    httpRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf', 'content-length': requestOf(3).length },
      agent: new HttpAgent({ keepAlive: true }),
    });

  it('lets a request under way finish, says that the connection closes, and takes no new one', async () => {
    await using gateway = await start('http');
    const [first, rest] = halves(requestOf(3));
    const request = begin(gateway.port);
    const answer = new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
    request.write(first);
    await until(() => gateway.admission.inflightBytes > 0);
    const drained = gateway.receiver.stopReceiving(systemClock.monotonicMs() + 10_000);
    expect(await refusesConnections(gateway.port)).toBe(true);
    request.end(rest);
    expect(await answer).toMatchObject({ statusCode: 200, headers: { connection: 'close' } });
    await drained;
    expect(gateway.intake.took(requestOf(3))).toBe(true);
  });

  it('does not wait for connections that are idle', async () => {
    await using gateway = await start('http');
    const request = begin(gateway.port);
    request.end(requestOf(3));
    await new Promise<void>((resolve) => request.on('response', (response) => response.resume().on('end', resolve)));
    const began = Date.now();
    await gateway.receiver.stopReceiving(systemClock.monotonicMs() + 10_000);
    expect(Date.now() - began).toBeLessThan(5000);
  });

  it('cuts what is not done at the deadline, and gives back what it held', async () => {
    await using gateway = await start('http');
    const request = begin(gateway.port);
    const failed = new Promise((resolve) => request.on('error', resolve));
    request.write(halves(requestOf(3))[0]);
    await until(() => gateway.admission.inflightBytes > 0);
    await gateway.receiver.stopReceiving(systemClock.monotonicMs() + 50);
    await failed;
    expect(gateway.admission.inflightBytes).toBe(0);
  });
});

it.each(kinds)('%s says which address it cannot have, and why', async (kind) => {
  await using taken = await start('http');
  const ports = {
    endpoint: { host: '127.0.0.1', port: taken.port },
    access: openAccess(new ParsingIntake()),
    admission: new Admission({ maxRequestBytes: 1, maxInflightBytes: 1, maxConnectionBytes: 1 }),
    stats: new ReceiveStats(),
  };
  const receiver =
    kind === 'http'
      ? createHttpReceiver({ ...ports, cors: { allowedOrigins: [] } })
      : createGrpcReceiver({ ...ports, server: kind, serving: () => true });
  const key = kind === 'http' ? 'receive.http' : 'receive.grpc';
  await expect(receiver.start()).rejects.toThrow(
    new UsageError(`${key}: cannot listen on 127.0.0.1:${taken.port}: address already in use`),
  );
});
