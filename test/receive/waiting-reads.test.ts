import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createSocketServer, readSocket, waitingReads } from '../../src/receive/read-sockets.ts';
import { WaitingReads } from '../../src/receive/waiting-reads.ts';
import { until } from './support/receivers.ts';

it('stops the others when too much waits, and lets them go on when half of it is served', () => {
  const reads = new WaitingReads(1000);
  const told: string[] = [];
  const reader = (name: string, isWaiting = false) => ({
    isWaiting,
    stop: () => void told.push(`${name} stops`),
    goOn: () => void told.push(`${name} goes on`),
  });
  reads.add(reader('a'));
  reads.add(reader('b', true));
  reads.keep(1000);
  expect(told).toEqual([]);
  reads.keep(1);
  expect(told.splice(0)).toEqual(['a stops']);
  reads.add(reader('c'));
  expect(told.splice(0)).toEqual(['c stops']);
  reads.keep(-500);
  expect([told, reads.mayRead]).toEqual([[], false]);
  reads.keep(-1);
  expect([told.splice(0), reads.mayRead]).toEqual([['a goes on', 'c goes on'], true]);
});

it('bounds what 400 connections make wait that all send at one time, and takes all of it', async () => {
  const got = new Map<number, number>();
  let isSlow = false;
  const server = createSocketServer((accepted) => {
    const port = accepted.remotePort as number;
    got.set(port, 0);
    readSocket(accepted, (_bytes, length) => {
      got.set(port, (got.get(port) as number) + length);
      most = Math.max(most, waitingReads.bytes);
      // What takes the whole of a round.
      for (const end = performance.now() + (isSlow ? 6 : 0); performance.now() < end; );
      return true;
    }).on('error', () => {});
  });
  let most = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 400 }, () => net.connect({ port, host: '127.0.0.1' }));
  onTestFinished(() => {
    for (const client of clients) client.destroy();
  });
  await until(() => got.size === 400);
  const [warm, burst] = [Buffer.alloc(1 << 20), Buffer.alloc(256 << 10)];
  for (const client of clients) client.write(warm);
  await until(() => [...got.values()].every((bytes) => bytes === warm.length));
  isSlow = true;
  for (const client of clients) client.write(burst);
  await until(() => waitingReads.bytes > 1 << 20);
  setTimeout(() => {
    isSlow = false;
  }, 500);
  await until(() => [...got.values()].every((bytes) => bytes === warm.length + burst.length));
  expect(most).toBeGreaterThan(8 << 20);
  // One read of each that was on its way when it was enough.
  expect(most).toBeLessThan(34 << 20);
  expect(waitingReads.bytes).toBe(0);
}, 60_000);
