import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionLimit, type Guest } from '../../src/receive/connection-limit.ts';
import { connectionsByOpenFiles } from '../../src/receive/open-files.ts';
import { call, connect, ended, frame, open } from './support/grpc-wire.ts';
import { inWords, preface, readFrames, settings } from './support/http2-wire.ts';
import { refusals, start, until } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';

class Connection implements Guest {
  place = -1;
  idleSince: number;
  left = false;

  constructor(idleSince: number) {
    this.idleSince = idleSince;
  }

  leave(): void {
    this.left = true;
  }
}

describe('a listener that is full', () => {
  const full = (...idleSince: number[]) => {
    let told = 0;
    const limit = new ConnectionLimit(idleSince.length, undefined, () => told++);
    const guests = idleSince.map((since) => new Connection(since));
    for (const guest of guests) {
      expect(limit.hasRoom(0)).toBe(true);
      limit.add(guest);
    }
    return { limit, guests, told: () => told };
  };

  it('sends the connection away that has been idle the longest', () => {
    const { limit, guests, told } = full(5000, 2000, Number.POSITIVE_INFINITY, 3000);
    expect(limit.hasRoom(12_000)).toBe(true);
    expect(guests.map(({ left }) => left)).toEqual([false, true, false, false]);
    limit.add(new Connection(12_000));
    // That it has closed is heard later.
    limit.delete(guests[1]);
    expect([limit.stats, told()]).toEqual([{ open: 4, sentAway: 1, refused: 0 }, 1]);
  });

  it('refuses the new one where none has been idle for ten seconds', () => {
    const { limit, guests } = full(2001, 5000, Number.POSITIVE_INFINITY);
    expect(limit.hasRoom(12_000)).toBe(false);
    expect(guests.some(({ left }) => left)).toBe(false);
    expect(limit.stats).toEqual({ open: 3, sentAway: 0, refused: 1 });
    expect(limit.hasRoom(12_001)).toBe(true);
  });

  it('looks at some of many, and finds an idle one among thousands sooner or later', () => {
    const { limit, guests } = full(...Array.from({ length: 1000 }, (_, i) => (i === 777 ? 0 : 50_000)));
    let asked = 1;
    while (!limit.hasRoom(51_000)) asked++;
    expect(asked).toBeLessThanOrEqual(16);
    expect(guests[777].left).toBe(true);
  });
});

it('the limit of open files leaves room for what else is open', () => {
  const limits =
    'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n';
  expect(connectionsByOpenFiles(limits)).toBe(512);
  expect(connectionsByOpenFiles('Max open files            unlimited            unlimited            files\n')).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(connectionsByOpenFiles('')).toBe(Number.POSITIVE_INFINITY);
});

describe('connections beyond receive.max_connections', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'hrtime'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('of gRPC: a new one hears GOAWAY while all others are young, and takes the place of an idle one later', async () => {
    await using gateway = await start('http2', { maxConnections: 3 });
    const sessions = [await connect(gateway.port), await connect(gateway.port), await connect(gateway.port)];
    const busy = open(sessions[0]);
    const answer = ended(busy);
    busy.write(frame(requestOf(2)).subarray(0, 50));
    await until(() => gateway.admission.inflightBytes > 0);

    const refused = net.connect(gateway.port, '127.0.0.1');
    const heard: Buffer[] = [];
    refused.on('data', (bytes: Buffer) => heard.push(bytes));
    refused.write(Buffer.concat([preface, settings()]));
    await new Promise((resolve) => refused.once('end', resolve));
    refused.destroy();
    expect(readFrames(Buffer.concat(heard)).map(inWords)).toEqual(['SETTINGS', 'GOAWAY last=0 ENHANCE_YOUR_CALM']);
    expect(refusals(gateway.stats)).toEqual({ connections_full: 1 });

    for (let second = 0; second < 11; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      busy.write(Buffer.alloc(300));
      await new Promise((resolve) => sessions[0].ping(resolve));
    }
    const closed = sessions.map((session) => new Promise((resolve) => session.once('close', resolve)));
    expect((await call(gateway.port, [frame(requestOf(1))])).status).toBe(0);
    await Promise.race([closed[1], closed[2]]);
    expect(sessions[0].closed).toBe(false);
    expect(gateway.connections.stats).toMatchObject({ sentAway: 1, refused: 1 });
    busy.close();
    await answer;
    for (const session of sessions) session.destroy();
  });

  it.each(['plain', 'node:http'])('of HTTP, %s: the same, with 503', async (what) => {
    await using gateway = await start('http', { maxConnections: 2 });
    const type = what === 'plain' ? 'x-protobuf' : 'json';
    const body = what === 'plain' ? '' : '{}';
    const post = `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const dial = () => {
      const socket = net.connect(gateway.port, '127.0.0.1').on('error', () => {});
      const wire = { socket, text: '', closed: false };
      socket.on('data', (bytes) => (wire.text += bytes));
      socket.on('close', () => (wire.closed = true));
      socket.write(post);
      return wire;
    };
    const first = [dial(), dial()];
    await until(() => first.every(({ text }) => text.startsWith('HTTP/1.1 200')));
    const refused = dial();
    await until(() => refused.closed);
    expect(refused.text).toMatch(/^HTTP\/1.1 503 .*\r\nretry-after: 1\r\n/is);
    expect(refusals(gateway.stats)).toEqual({ connections_full: 1 });
    await vi.advanceTimersByTimeAsync(11_000);
    const welcome = dial();
    await until(() => welcome.text.startsWith('HTTP/1.1 200'));
    await until(() => first.some(({ closed }) => closed));
    expect(first.filter(({ closed }) => closed)).toHaveLength(1);
    for (const { socket } of [...first, welcome]) socket.destroy();
    await until(() => gateway.connections.stats.open === 0);
  });
});
