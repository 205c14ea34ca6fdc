import { createCipheriv, createHmac } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { EmptyRecords } from '../../src/receive/empty-records.ts';
import { start, until } from './support/receivers.ts';
import { certificates, credentialsOf } from './support/transport.ts';

/** Connections whose records and clock are in the test's hand. */
function setUp() {
  let now = 1000;
  const ended: string[] = [];
  const records = new EmptyRecords(() => now);
  return {
    ended,
    /** A connection that has shaken hands; tell it what came. */
    watch: (name: string) => {
      const came = { wire: 3000, data: 0, reads: 0 };
      records.add(came, {
        wireBytes: () => came.wire,
        dataBytes: () => came.data,
        reads: () => came.reads,
        end: () => {
          if (!ended.includes(name)) ended.push(name);
        },
      });
      onTestFinished(() => records.delete(came));
      return (wire: number, data = 0, reads = 0): void => {
        came.wire += wire;
        came.data += data;
        came.reads += reads;
      };
    },
    pass: (ms: number): void => {
      now += ms;
      records.look();
    },
  };
}

it('ends who sends more around its data than records need, and nobody else', () => {
  const { ended, watch, pass } = setUp();
  watch('a byte a record')(30 * 100_000, 100_000, 100_000);
  watch('large records')(1_000_000_000, 998_000_000, 61_000);
  watch('a thousand changes of keys')(27_000);
  watch('three thousand')(81_000);
  watch('and with some data')(1_081_000, 999_000, 61);
  pass(1000);
  expect(ended).toEqual(['three thousand', 'and with some data']);
});

it('forgives with time what a connection has had, for as long as it lives', () => {
  const { ended, watch, pass } = setUp();
  const [weeks, drips, pours] = [watch('three weeks'), watch('3 KiB a second'), watch('6 KiB a second')];
  for (let hour = 0; hour < 21 * 24; hour++) {
    // A thousand changes of keys, and a batch.
    weeks(27_000 + 230_100, 230_000, 15);
    pass(3_600_000);
  }
  expect(ended).toEqual([]);
  // 64 KiB, or twice that after a long silence, at 2 KiB a second more than is forgiven.
  for (let seconds = 0; seconds < 64; seconds++) {
    drips(3 * 1024);
    pours(6 * 1024);
    pass(1000);
    if (seconds < 32) expect(ended).toEqual([]);
  }
  expect(ended).toEqual(['6 KiB a second']);
});

it('saves nothing up for who needs little', () => {
  const { ended, watch, pass } = setUp();
  const patient = watch('patient');
  for (let seconds = 0; seconds < 100; seconds++) {
    patient(1_022_000, 1_000_000, 1000);
    pass(1000);
  }
  patient(81_000);
  pass(1000);
  expect(ended).toEqual(['patient']);
});

/** HKDF-Expand-Label with an empty context (RFC 8446, 7.1), for lengths of one block. */
function expand(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}

/** The first record under a secret: a KeyUpdate that asks for none back (RFC 8446, 4.6.3, 5.2). */
function keyUpdate(secret: Buffer): Buffer {
  const head = Buffer.from([23, 3, 3, 0, 22]);
  const cipher = createCipheriv('aes-128-gcm', expand(secret, 'key', 16), expand(secret, 'iv', 12));
  const sealed = cipher.setAAD(head).update(Buffer.from([24, 0, 0, 1, 0, 22]));
  return Buffer.concat([head, sealed, cipher.final(), cipher.getAuthTag()]);
}

/** A client that says `hello`, when its handshake is done, and then changes its keys so many times. */
async function changesKeys(port: number, times: number): Promise<net.Socket> {
  const raw = net.connect(port, '127.0.0.1').on('error', () => {});
  const between = new Duplex({ read: () => {}, write: (chunk, _, done) => void raw.write(chunk, done) });
  raw.on('data', (chunk) => between.push(chunk));
  const client = tls.connect({
    socket: between,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
  });
  client.on('error', () => {});
  let secret: Buffer = Buffer.alloc(0);
  client.on('keylog', (line: Buffer) => {
    const found = /^CLIENT_TRAFFIC_SECRET_0 \S+ (\S+)/.exec(line.toString());
    if (found !== null) secret = Buffer.from(found[1], 'hex');
  });
  await once(client, 'secureConnect');
  const records: Buffer[] = [];
  for (let n = 0; n < times; n++) {
    records.push(keyUpdate(secret));
    secret = expand(secret, 'traffic upd', 32);
  }
  raw.write(Buffer.concat(records));
  return raw;
}

it.each(['http2', 'http'] as const)(
  'ends a real connection (%s) that changes its keys all the time, not one that does so sometimes, and counts it',
  async (kind) => {
    await using receiver = await start(kind, { tls: credentialsOf(certificates.server) });
    const [often, seldom] = [await changesKeys(receiver.port, 20_000), await changesKeys(receiver.port, 500)];
    onTestFinished(() => {
      for (const socket of [often, seldom]) socket.destroy();
    });
    await until(() => often.closed);
    expect(seldom.closed).toBe(false);
    expect(receiver.turnedAway).toEqual(['tls_flood: more TLS records without data than any client needs']);
    expect(receiver.stats.refused.tls_flood).toEqual({ requests: 1, bytes: 0 });
    seldom.destroy();
  },
);
