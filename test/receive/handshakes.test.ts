import net, { type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls, { type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConnectionLimit } from '../../src/receive/connection-limit.ts';
import { Listener } from '../../src/receive/listener.ts';
import { createSocketServer } from '../../src/receive/read-sockets.ts';
import { until } from './support/receivers.ts';
import { certificates, credentialsOf } from './support/transport.ts';

/** A listener whose handshakes must be done in `withinMs`; what came in, and why something did not. */
async function listen(maxConnections: number, withinMs?: number) {
  const connections = new ConnectionLimit(maxConnections);
  const refused: string[] = [];
  const secured: Socket[] = [];
  const listener = new Listener(
    {
      protocol: 'h2',
      connections,
      secured: (socket) => secured.push(socket),
      refused: (reason) => refused.push(reason),
      farewell: ({ reason }) => Buffer.from(reason),
    },
    credentialsOf(certificates.server),
    withinMs,
  );
  /** Where the test lets them in: connected, and nobody has looked at them. */
  const held: Socket[] = [];
  let isHeld = false;
  const server = createSocketServer((accepted) => (isHeld ? held.push(accepted) : listener.accept(accepted)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    listener.close();
    for (const socket of secured) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const open = (...bytes: readonly Buffer[]): Socket => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    for (const each of bytes) socket.write(each);
    return socket;
  };
  const good = async (): Promise<TLSSocket> => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: certificates.ca.ca, servername: 'localhost' });
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
    return socket;
  };
  /** So many clients that say this, and are there. */
  const hold = async (count: number, say: (client: Socket) => void): Promise<Socket[]> => {
    isHeld = true;
    const clients = Array.from({ length: count }, () => open());
    for (const client of clients) say(client);
    await until(() => held.length === count && clients.every(({ writableLength }) => writableLength === 0));
    isHeld = false;
    return clients;
  };
  const letIn = (): void => listener.accept(held.shift() as Socket);
  return { connections, refused, secured, open, good, hold, letIn };
}

/** The header of a handshake record that says it is longer than what comes. */
const begun = Buffer.of(22, 3, 1, 1, 0, 1, 0);
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.on('close', resolve));

/** What a client says first. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: '127.0.0.1', servername: 'localhost' }).on('error', () => {});
  const hello = await new Promise<Buffer>((resolve) => server.on('connection', (it) => it.once('data', resolve)));
  client.destroy();
  server.close();
  return hello;
}

describe('handshakes', () => {
  it('end in time, whatever their clients do meanwhile', async () => {
    const { connections, refused, open } = await listen(100, 100);
    const dripping = open(begun);
    const drip = setInterval(() => dripping.write(Buffer.of(0)), 10);
    onTestFinished(() => clearInterval(drip));
    await Promise.all([dripping, open(), open(begun.subarray(0, 1)), open(begun)].map(closed));
    expect(refused).toEqual(['tls_timeout', 'tls_timeout', 'tls_timeout', 'tls_timeout']);
    await until(() => connections.stats.open === 0);
  });

  it('that are done in time are left alone after it', async () => {
    const { good, secured, open, refused } = await listen(100, 200);
    const socket = await good();
    await until(() => secured.length === 1);
    await closed(open(begun));
    expect([refused, socket.destroyed, secured[0].destroyed]).toEqual([['tls_timeout'], false, false]);
    socket.destroy();
  });

  it('are a quarter of the connections at most: the oldest goes, and who is quick gets in', async () => {
    const { connections, refused, open, good, secured } = await listen(40);
    const crowd: Socket[] = [];
    for (let n = 0; n < 30; n++) {
      crowd.push(n % 2 === 0 ? open() : open(begun));
      await until(() => connections.stats.open === Math.min(n + 1, 10));
    }
    await until(() => refused.length === 20);
    expect(new Set(refused)).toEqual(new Set(['tls_full']));
    await until(() => crowd.slice(0, 20).every(({ destroyed }) => destroyed));
    expect(crowd.slice(20).some(({ destroyed }) => destroyed)).toBe(false);
    const socket = await good();
    await until(() => secured.length === 1);
    for (const each of [...crowd, socket]) each.destroy();
  });

  it('are not begun with who has left meanwhile', async () => {
    const { connections, refused, hold, letIn, good } = await listen(1000);
    const hello = await clientHello();
    let answered = 0;
    const clients = await hold(50, (client) => client.on('data', () => answered++).end(hello));
    await until(() => clients.every(({ writableFinished }) => writableFinished));
    for (const _ of clients) letIn();
    await until(() => refused.length === 50);
    await until(() => connections.stats.open === 0);
    expect([answered, new Set(refused)]).toEqual([0, new Set(['tls_failed'])]);
    (await good()).destroy();
  });

  it('wait a few turns for connections that come, and are begun all the same', async () => {
    const { hold, letIn } = await listen(1000);
    const hello = await clientHello();
    const answered = new Set<Socket>();
    const clients = await hold(60, (client) => client.on('data', () => answered.add(client)).write(hello));
    for (const _ of clients) {
      letIn();
      await nextTurn();
    }
    expect(answered.size).toBeLessThanOrEqual(15);
    await until(() => answered.size === 60);
    for (const client of clients) client.destroy();
  });

  it('go first where there is no room', async () => {
    const { connections, open, good, secured } = await listen(4);
    const guests = [0, 1, 2].map(() => ({ place: -1, idleSince: Number.POSITIVE_INFINITY, leave: () => {} }));
    for (const guest of guests) connections.add(guest);
    const slow = open(begun);
    await until(() => connections.stats.open === 4);
    const socket = await good();
    await until(() => slow.destroyed);
    await until(() => secured.length === 1);
    expect(connections.stats).toMatchObject({ sentAway: 1, refused: 0 });
    socket.destroy();
  });

  it('are refused in the words of TLS where everybody is busy', async () => {
    const { connections, refused, good } = await listen(1);
    connections.add({ place: -1, idleSince: Number.POSITIVE_INFINITY, leave: () => {} });
    await expect(good()).rejects.toThrow(/alert internal error/);
    expect(refused).toEqual(['connections_full']);
  });
});
