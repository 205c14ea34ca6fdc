import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:process';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Connections } from '../../src/export/grpc/connections.ts';

/** Servers on several addresses of this machine, all on one port; those named can be stopped and started. */
async function machine(...hosts: string[]) {
  const running = new Map<string, () => void>();
  let port = 0;
  const start = async (host: string) => {
    const server = createServer();
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    port ||= (server.address() as AddressInfo).port;
    running.set(host, () => {
      for (const session of sessions) session.destroy();
      server.close();
      running.delete(host);
    });
  };
  for (const host of hosts) await start(host);
  onTestFinished(() => {
    for (const stop of running.values()) stop();
  });
  return { port, start, stop: (host: string) => running.get(host)!() };
}

function connectionsTo(port: number, addresses: string[]) {
  const clock = { now: 0 };
  const looks: string[] = [];
  const lookUp = async (host: string) => {
    looks.push(host);
    return [...addresses];
  };
  const endpoint = new URL(`http://otlp.test:${port}`);
  const connections = new Connections(
    { endpoint, proxy: null, security: null, timeoutMs: 10_000, lookUp },
    () => clock.now,
  );
  onTestFinished(() => connections.close(0));
  const take = async () => (await connections.take()).socket.remoteAddress;
  const takeUntil = (expected: string[], passMs = 0) =>
    vi.waitFor(
      async () => {
        clock.now += passMs;
        expect(new Set([await take(), await take(), await take()])).toEqual(new Set(expected));
      },
      { timeout: 30_000 },
    );
  return { connections, clock, looks, addresses, take, takeUntil };
}

const [a, b, c] = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

// Elsewhere the loopback has one address only.
describe.skipIf(platform !== 'linux')('a name of several addresses', () => {
  it('is spoken to on each of them, in turn', async () => {
    const { port } = await machine(a, b, c);
    const { takeUntil, looks } = connectionsTo(port, [a, b, c]);
    await takeUntil([a, b, c]);
    expect(looks).toEqual(['otlp.test']);
  });

  it('is spoken to on those that are there, and on the others when they are back', async () => {
    const servers = await machine(a, b);
    const { takeUntil } = connectionsTo(servers.port, [a, b, c]);
    await takeUntil([a, b]);
    servers.stop(b);
    await takeUntil([a]);
    await servers.start(b);
    await servers.start(c);
    await takeUntil([a, b, c], 500);
  });

  it('is looked up again when a connection broke, and every five minutes', async () => {
    const servers = await machine(a, b);
    const { clock, addresses, takeUntil, looks } = connectionsTo(servers.port, [a]);
    await takeUntil([a]);
    addresses.splice(0, 1, b);
    servers.stop(a);
    clock.now += 2_000;
    await takeUntil([b]);
    expect(looks).toHaveLength(2);
    addresses.push(c);
    await servers.start(c);
    clock.now += 5 * 60_000;
    await takeUntil([b, c]);
    expect(looks).toHaveLength(3);
  });

  it('says of each address why it cannot be reached', async () => {
    const servers = await machine(a);
    servers.stop(a);
    const { connections } = connectionsTo(servers.port, [a, b]);
    await expect(connections.take()).rejects.toThrow(
      new RegExp(`ECONNREFUSED ${a}:${servers.port}; .*ECONNREFUSED ${b}:${servers.port}|ECONNREFUSED ${b}.*; .*${a}`),
    );
  });

  it('is served by eight of them, however many there are', async () => {
    const hosts = Array.from({ length: 20 }, (_, i) => `127.0.1.${i + 1}`);
    const { port } = await machine(...hosts);
    const { take } = connectionsTo(port, hosts);
    const seen = new Set<string | undefined>();
    for (let i = 0; i < 100; i++) {
      seen.add(await take());
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.size).toBe(8);
  });
});
