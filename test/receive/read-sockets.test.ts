import net, { type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ReadRounds } from '../../src/receive/read-rounds.ts';
import { createSocketServer, readSocket } from '../../src/receive/read-sockets.ts';
import { type Lane, type OnBytes, senders } from '../../src/receive/reading.ts';
import { WaitingReads } from '../../src/receive/waiting-reads.ts';
import { until } from './support/receivers.ts';

/** A connection as the server has it, and what came on it. */
interface Read {
  socket: Socket;
  text: string;
  /** Where the bytes of each read lay. */
  readonly buffers: Buffer[];
  readonly lengths: number[];
  ended: boolean;
  closed: boolean;
}

/** The part of a socket that Node keeps to itself. */
interface Inside {
  _handle: { useUserBuffer: unknown };
}

interface Setting {
  /** As on a Node whose handles take no buffer. */
  readonly withoutBuffer: boolean;
  /** Whether to go on reading; always by default. */
  readonly goOn?: (read: Read) => boolean;
  readonly lane?: Lane;
}

/** In which no time passes: no read has to wait for the next round, however busy the machine is. */
const timeless = (): Lane => ({
  rounds: new ReadRounds(
    () => 0,
    () => 0,
    setImmediate,
  ),
  waiting: new WaitingReads(1024 * 1024),
  readBytes: senders.readBytes,
});

async function listen({ withoutBuffer, goOn = () => true, lane = senders }: Setting) {
  const reads: Read[] = [];
  const server = createSocketServer((accepted) => {
    if (withoutBuffer) (accepted as unknown as Inside)._handle.useUserBuffer = undefined;
    const read: Read = { socket: accepted, text: '', buffers: [], lengths: [], ended: false, closed: false };
    const onBytes: OnBytes = (bytes, length) => {
      read.text += bytes.toString('latin1', 0, length);
      read.buffers.push(bytes);
      read.lengths.push(length);
      return goOn(read);
    };
    read.socket = readSocket(accepted, onBytes, { lane });
    read.socket.on('error', () => {});
    read.socket.on('end', () => {
      read.ended = true;
    });
    read.socket.on('close', () => {
      read.closed = true;
    });
    reads.push(read);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    server,
    reads,
    connect: async (): Promise<Socket> => {
      const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      client.on('error', () => {});
      await new Promise((resolve) => client.once('connect', resolve));
      await until(() => reads.some(({ socket }) => socket.remotePort === client.localPort));
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of reads) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each([
  ['through the shared buffer', false],
  ['where Node has no such handles', true],
])('sockets read %s', (_what, withoutBuffer) => {
  it('bring what was sent, and take an answer', async () => {
    await using listener = await listen({ withoutBuffer });
    const client = await listener.connect();
    client.write('hello');
    await until(() => listener.reads[0].text === 'hello');
    const answer = new Promise((resolve) => client.once('data', (bytes) => resolve(bytes.toString())));
    listener.reads[0].socket.write('hello yourself');
    expect(await answer).toBe('hello yourself');
    client.destroy();
  });

  it('keep what two connections send in turn apart', async () => {
    await using listener = await listen({ withoutBuffer, lane: timeless() });
    const [a, b] = [await listener.connect(), await listener.connect()];
    for (let i = 0; i < 50; i++) {
      a.write(`a${i} `);
      b.write(`b${i} `);
      await new Promise(setImmediate);
    }
    const expected = (letter: string): string => Array.from({ length: 50 }, (_, i) => `${letter}${i} `).join('');
    await until(() => listener.reads[1].text.length === expected('b').length);
    await until(() => listener.reads[0].text.length === expected('a').length);
    expect(listener.reads.map(({ text }) => text)).toEqual([expected('a'), expected('b')]);
    const buffers = new Set(listener.reads.flatMap((read) => read.buffers));
    expect(buffers.size === 1).toBe(!withoutBuffer);
    for (const client of [a, b]) client.destroy();
  });

  it('bring large data whole and in order', async () => {
    await using listener = await listen({ withoutBuffer });
    const client = await listener.connect();
    const text = Array.from({ length: 500_000 }, (_, i) => i.toString(36)).join(' ');
    client.end(text);
    await until(() => listener.reads[0].ended);
    expect(listener.reads[0].text === text).toBe(true);
    client.destroy();
  });

  it('can be answered after their client has ended its half', async () => {
    await using listener = await listen({ withoutBuffer });
    const client = await listener.connect();
    client.end('question');
    await until(() => listener.reads[0].ended);
    const answer: Buffer[] = [];
    client.on('data', (bytes: Buffer) => answer.push(bytes));
    listener.reads[0].socket.end('answer');
    await until(() => listener.reads[0].closed);
    expect(Buffer.concat(answer).toString()).toBe('answer');
  });

  it('wait when they are told to, and go on from there', async () => {
    let wanted = false;
    await using listener = await listen({ withoutBuffer, goOn: () => wanted });
    const client = await listener.connect();
    const text = 'x'.repeat(3_000_000);
    client.end(text);
    const [read] = listener.reads;
    await until(() => read.text.length > 0);
    const before = read.text.length;
    // Whatever is to be read would be read while another connection comes and goes.
    for (let i = 0; i < 3; i++) (await listener.connect()).destroy();
    await until(() => listener.reads.slice(1).every(({ ended, closed }) => ended || closed));
    expect(read.text.length).toBe(before);
    read.socket.resume();
    await until(() => read.text.length > before);
    wanted = true;
    read.socket.resume();
    await until(() => read.ended);
    expect(read.text.length).toBe(text.length);
    client.destroy();
  });

  it('are counted by their server until they are closed', async () => {
    const listener = await listen({ withoutBuffer });
    const clients = [await listener.connect(), await listener.connect()];
    let closed = false;
    listener.server.close(() => {
      closed = true;
    });
    clients[0].end();
    listener.reads[0].socket.end();
    await until(() => listener.reads[0].closed);
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    clients[1].resetAndDestroy();
    await until(() => closed);
    expect(listener.reads[1].closed).toBe(true);
  });
});

it('are read in small parts, so that others and timers have their turn', async () => {
  const connections = 6;
  let wanted = false;
  let inRound = 0;
  const rounds: number[] = [];
  const goOn = ({ lengths }: Read): boolean => {
    if (inRound === 0) {
      setImmediate(() => {
        rounds.push(inRound);
        inRound = 0;
      });
    }
    inRound += lengths.at(-1) as number;
    return wanted;
  };
  await using listener = await listen({ withoutBuffer: false, goOn });
  const clients: Socket[] = [];
  for (let i = 0; i < connections; i++) clients.push(await listener.connect());
  const bytes = 4_000_000;
  for (const client of clients) client.end(Buffer.alloc(bytes));
  await until(() => listener.reads.every(({ text }) => text.length > 0));
  // Now megabytes lie with the system.
  wanted = true;
  rounds.length = 0;
  for (const { socket } of listener.reads) socket.resume();
  await until(() => listener.reads.every(({ ended }) => ended));
  expect(listener.reads.map(({ text }) => text.length)).toEqual(clients.map(() => bytes));
  // A MiB in a round, and of each connection one read more.
  expect(Math.max(...rounds)).toBeLessThanOrEqual((4 + connections) * 256 * 1024);
  // In reads that are worth their system calls, once it is known what they cost.
  expect(reads(listener)).toBeLessThan((2 * connections * bytes) / 128 / 1024);
  for (const client of clients) client.destroy();
});

const reads = (listener: { reads: Read[] }): number =>
  listener.reads.reduce((sum, { lengths }) => sum + lengths.length, 0);

it('whose bytes cost much are read in ever smaller parts, while others have large ones', async () => {
  const burn = (ms: number): void => {
    for (const until = performance.now() + ms; performance.now() < until; );
  };
  // A millisecond a KiB, where one of the other takes a microsecond or two.
  const goOn = ({ text, lengths }: Read): boolean => {
    if (text.startsWith('dear')) burn((lengths.at(-1) as number) / 1024);
    return true;
  };
  await using listener = await listen({ withoutBuffer: false, goOn });
  const [dear, cheap] = [await listener.connect(), await listener.connect()];
  dear.end('dear'.repeat(100_000));
  cheap.end('cheap'.repeat(1_000_000));
  await until(() => listener.reads.every(({ ended }) => ended));
  const [ofDear, ofCheap] = listener.reads;
  expect([ofDear.text, ofCheap.text]).toEqual(['dear'.repeat(100_000), 'cheap'.repeat(1_000_000)]);
  expect(ofDear.lengths[0]).toBeLessThanOrEqual(16 * 1024);
  // Where others have the processor meanwhile, it costs us less than its time.
  expect(Math.max(...ofDear.lengths.slice(8))).toBeLessThanOrEqual(8 * 1024);
  expect(Math.max(...ofCheap.lengths)).toBe(256 * 1024);
  for (const client of [dear, cheap]) client.destroy();
});

it('all have their turn, and timers too, however much each of a hundred costs', async () => {
  const connections = 100;
  const burn = (ms: number): void => {
    for (const until = performance.now() + ms; performance.now() < until; );
  };
  const goOn = (): boolean => {
    burn(3);
    return true;
  };
  await using listener = await listen({ withoutBuffer: false, goOn });
  const clients: Socket[] = [];
  for (let i = 0; i < connections; i++) clients.push(await listener.connect());
  const texts = clients.map((_, i) => `${i} `.repeat(10_000));
  // The reads of all of them would be 300 ms and more without a break.
  const inABreak: number[] = [];
  let before = 0;
  const timer = setInterval(() => {
    const now = listener.reads.reduce((sum, { lengths }) => sum + lengths.length, 0);
    inABreak.push(now - before);
    before = now;
  }, 1);
  for (const [i, client] of clients.entries()) client.end(texts[i]);
  await until(() => listener.reads.every(({ ended }) => ended));
  clearInterval(timer);
  expect(listener.reads.map(({ text }) => text).sort()).toEqual(texts.sort());
  expect(Math.max(...inABreak)).toBeLessThanOrEqual(8);
  for (const client of clients) client.destroy();
}, 30_000);
