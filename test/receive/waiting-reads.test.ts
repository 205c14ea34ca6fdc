import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { ReadRounds } from '../../src/receive/read-rounds.ts';
import { createSocketServer, readSocket } from '../../src/receive/read-sockets.ts';
import { type Lane, type OnBytes, senders } from '../../src/receive/reading.ts';
import { WaitingReads } from '../../src/receive/waiting-reads.ts';
import { until } from './support/receivers.ts';

/** Readers by name, and what they were told. */
function setUp(mostBytes: number) {
  const told: string[] = [];
  const reader = (name: string, isRead = true) => ({
    stop: () => {
      told.push(`${name} stops`);
      return isRead;
    },
    goOn: () => void told.push(`${name} goes on`),
  });
  return { reads: new WaitingReads(mostBytes), told, reader };
}

it('stops the others when too much waits, and lets them go on when half of it is served', () => {
  const { reads, told, reader } = setUp(1000);
  const [a, b, c] = [reader('a'), reader('b', false), reader('c')];
  reads.add(a);
  reads.add(b);
  reads.keep(b, 1000);
  expect([told, reads.mayRead(a)]).toEqual([[], true]);
  reads.keep(b, 1);
  expect(told.splice(0)).toEqual(['a stops', 'b stops']);
  reads.add(c);
  expect(told.splice(0)).toEqual(['c stops']);
  reads.serve(500);
  expect([told, reads.mayRead(c)]).toEqual([[], false]);
  reads.serve(1);
  // Not whom it did not stop: somebody else has, and knows when it is to be read again.
  expect([told.splice(0), reads.mayRead(b)]).toEqual([['a goes on', 'c goes on'], true]);
});

it('lets whose turn was the longest ago go on first, and then who was done meanwhile', () => {
  const { reads, told, reader } = setUp(1000);
  const [a, b, c, d, gone] = ['a', 'b', 'c', 'd', 'gone'].map((name) => reader(name));
  for (const each of [a, b, c, d, gone]) reads.add(each);
  reads.keep(a, 500);
  reads.keep(c, 501);
  expect(told.splice(0)).toEqual(['b stops', 'd stops', 'gone stops', 'a stops', 'c stops']);
  reads.delete(gone);
  expect([reads.mayRead(gone), reads.mayRead(c)]).toEqual([false, false]);
  reads.serve(501);
  expect(told).toEqual(['b goes on', 'd goes on', 'a goes on', 'c goes on']);
});

/** Connections that are read in a lane of their own. */
async function listen(lane: Lane, onBytes: (socket: Socket, ...args: Parameters<OnBytes>) => boolean) {
  const accepted: Socket[] = [];
  const server = createSocketServer((socket) => {
    const read: Socket = readSocket(socket, (bytes, length) => onBytes(read, bytes, length), { lane }).on(
      'error',
      () => {},
    );
    accepted.push(read);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const connect = async (): Promise<Socket> => {
    const before = accepted.length;
    const client = net.connect({ port, host: '127.0.0.1' }).on('error', () => {});
    onTestFinished(() => void client.destroy());
    await until(() => accepted.length > before);
    return client;
  };
  return { accepted, connect };
}

/** Each read takes `readMs` by its clock. */
function slowLane(readMs: number, mostBytes: number): Lane {
  let now = 0;
  const clock = (): number => (now += readMs);
  const rounds = new ReadRounds(clock, () => now, setImmediate);
  return { rounds, waiting: new WaitingReads(mostBytes), readBytes: 16 * 1024 };
}

it('reads all in turns, whoever came first, where many send more than may wait', async () => {
  const reads = new Map<Socket, number>();
  let isSlow = false;
  const isOver = (): boolean => Math.max(...reads.values()) >= 40;
  const lane = slowLane(4, 64 * 1024);
  const { accepted, connect } = await listen(lane, (socket) => {
    if (isSlow && !isOver()) reads.set(socket, (reads.get(socket) ?? 0) + 1);
    return isSlow;
  });
  const clients: Socket[] = [];
  for (let i = 0; i < 30; i++) clients.push(await connect());
  for (const client of clients) client.write(Buffer.alloc(2 << 20));
  await until(() => accepted.every((socket) => socket.bytesRead > 0));
  for (const socket of accepted) reads.set(socket, 0);
  isSlow = true;
  for (const socket of accepted) socket.resume();
  await until(isOver);
  expect(Math.min(...reads.values())).toBeGreaterThan(20);
}, 60_000);

/** More than may wait in the lane, and nothing. */
function stop({ waiting }: Lane): () => void {
  waiting.keep({ stop: () => false, goOn: () => {} }, 2000);
  return () => waiting.serve(2000);
}

it('does not read who does not read its answers, however often the others are stopped', async () => {
  const lane = slowLane(0, 1000);
  const { accepted, connect } = await listen(lane, () => false);
  const client = await connect();
  client.write(Buffer.alloc(4 << 20));
  const [socket] = accepted;
  await until(() => socket.bytesRead > 0);
  const before = socket.bytesRead;
  for (let i = 0; i < 5; i++) {
    const goOn = stop(lane);
    await nextTurn();
    goOn();
    // Whatever is to be read is read while another connection comes and goes.
    (await connect()).destroy();
  }
  expect(socket.bytesRead).toBe(before);
  socket.resume();
  await until(() => socket.bytesRead > before);
});

it('leaves a connection to whoever paused it, as node:http does, before it was stopped or later', async () => {
  const lane = slowLane(0, 1000);
  const { accepted, connect } = await listen(lane, () => true);
  const clients = [await connect(), await connect()];
  accepted[0].pause();
  const goOn = stop(lane);
  accepted[1].pause();
  for (const client of clients) client.write('hello');
  goOn();
  for (let i = 0; i < 3; i++) (await connect()).destroy();
  expect(accepted.slice(0, 2).map(({ bytesRead }) => bytesRead)).toEqual([0, 0]);
  for (const socket of accepted) socket.resume();
  await until(() => accepted.slice(0, 2).every(({ bytesRead }) => bytesRead === 5));
});

it('reads no more of a connection that is resumed while nobody is read', async () => {
  const lane = slowLane(0, 1000);
  let lengths = 0;
  const { accepted, connect } = await listen(lane, (_socket, _bytes, length) => {
    lengths += length;
    return lengths > 16 * 1024;
  });
  const client = await connect();
  client.write(Buffer.alloc(1 << 20));
  await until(() => lengths === 16 * 1024);
  const goOn = stop(lane);
  // As when it has read its answers.
  accepted[0].resume();
  for (let i = 0; i < 3; i++) (await connect()).destroy();
  expect(lengths).toBe(32 * 1024);
  goOn();
  await until(() => lengths === 1 << 20);
});

it('bounds what 400 connections make wait that all send at one time, and takes all of it', async () => {
  const got = new Map<number, number>();
  let isSlow = false;
  const server = createSocketServer((accepted) => {
    const port = accepted.remotePort as number;
    got.set(port, 0);
    readSocket(accepted, (_bytes, length) => {
      got.set(port, (got.get(port) as number) + length);
      most = Math.max(most, senders.waiting.bytes);
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
  await until(() => senders.waiting.bytes > 1 << 20);
  setTimeout(() => {
    isSlow = false;
  }, 500);
  await until(() => [...got.values()].every((bytes) => bytes === warm.length + burst.length));
  expect(most).toBeGreaterThan(8 << 20);
  // One read of each that was on its way when it was enough.
  expect(most).toBeLessThan(34 << 20);
  expect(senders.waiting.bytes).toBe(0);
}, 60_000);
