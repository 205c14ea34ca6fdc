import { createServer, type ServerHttp2Stream, type Settings } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Peer } from '../../src/forward/peer.ts';
import { goAway, settings } from '../receive/support/http2-wire.ts';

/** A member that answers what has one byte, and nothing else. */
async function member(says: Settings = {}) {
  const server = createServer({ settings: says });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    let bytes = 0;
    stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
    });
    stream.on('end', () => {
      if (bytes !== 5 + 1) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(new Uint8Array(5));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const peer = new Peer({ address, security: null, headers: {}, timeoutMs: 5_000 });
  onTestFinished(() => {
    peer.close();
    server.close();
  });
  return peer;
}

it('a member that does not answer a call in time is silent where it answers no other', async () => {
  const peer = await member();
  expect(await peer.send([new Uint8Array(1)], {})).toMatchObject({ kind: 'taken' });
  const slow = peer.send([new Uint8Array(2)], {}, 1_000);
  await sleep(700);
  expect(await peer.send([new Uint8Array(1)], {})).toMatchObject({ kind: 'taken' });
  expect(await slow).toMatchObject({ kind: 'uncertain', isSilent: false });
  // What it answered at the beginning of a call says nothing of now.
  const lost = peer.send([new Uint8Array(2)], {}, 1_000);
  expect(await peer.send([new Uint8Array(1)], {})).toMatchObject({ kind: 'taken' });
  expect(await lost).toMatchObject({ kind: 'uncertain', isSilent: true });
});

it('one that takes connections and no calls is not reached', async () => {
  const peer = await member({ maxConcurrentStreams: 0 });
  expect(await peer.send([new Uint8Array(1)], {}, 200)).toMatchObject({ kind: 'unreachable' });
});

it('one that takes connections, and goes away on each of them, is not reached', async () => {
  const peer = await memberOf((socket) => void socket.write(Buffer.concat([settings(), goAway()])));
  expect(await peer.send([new Uint8Array(1)], {})).toMatchObject({ kind: 'unreachable' });
});

it('one that takes connections and says nothing has a call for no longer than the call may take', async () => {
  const peer = await memberOf(() => {});
  const start = performance.now();
  expect(await peer.send([new Uint8Array(1)], {}, 100)).toMatchObject({ kind: 'unreachable' });
  expect(performance.now() - start).toBeLessThan(5_000);
});

/** One that does with each connection what it is told to. */
async function memberOf(connected: (socket: Socket) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    connected(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const peer = new Peer({ address, security: null, headers: {}, timeoutMs: 20_000 });
  onTestFinished(() => {
    peer.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return peer;
}
