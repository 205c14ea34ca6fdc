import http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { call, connect, ended, exportPath, frame, open } from '../receive/support/grpc-wire.ts';
import * as wire from '../receive/support/http2-wire.ts';
import { refusals, type Started, start, until } from '../receive/support/receivers.ts';
import { requestOf } from '../receive/support/requests.ts';
import { dial } from '../receive/support/transport.ts';

const MiB = 1024 * 1024;

/** The gateway is as good as new: it takes a request, and holds nothing of those before. */
async function expectUnharmed(gateway: Started): Promise<void> {
  const before = gateway.intake.accepted.length;
  expect((await call(gateway.port, [frame(requestOf(1))])).status).toBe(0);
  expect(gateway.intake.accepted).toHaveLength(before + 1);
  await until(() => gateway.admission.inflightBytes === 0);
}

function tcp(port: number, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = dial(port, {}, () => socket.end(bytes));
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
}

describe.each(['http2', 'grpc-js'] as const)('hostile input to %s', (kind) => {
  it('gives everything back when a client resets its call in the middle of a message', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    const stream = open(session);
    stream.on('error', () => {});
    stream.write(frame(requestOf(100)).subarray(0, 3000));
    if (kind === 'http2') await until(() => gateway.admission.inflightBytes > 0);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => gateway.admission.inflightBytes === 0);
    session.close();
    await expectUnharmed(gateway);
  });

  it('gives everything back when a connection breaks under twenty calls', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    for (let i = 0; i < 20; i++) {
      const stream = open(session);
      stream.on('error', () => {});
      stream.write(frame(requestOf(10)).subarray(0, 1000));
    }
    if (kind === 'http2') await until(() => gateway.admission.inflightBytes >= 20 * 995);
    session.destroy();
    await until(() => gateway.admission.inflightBytes === 0);
    await expectUnharmed(gateway);
  });

  it('gives everything back when the sender leaves while its message is unpacked', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    const stream = open(session, { 'grpc-encoding': 'gzip' });
    stream.on('error', () => {});
    stream.end(frame(gzipSync(Buffer.alloc(7 * MiB)), 1), () => stream.close(http2.constants.NGHTTP2_CANCEL));
    await new Promise((resolve) => stream.on('close', resolve));
    session.close();
    await expectUnharmed(gateway);
  });

  it('refuses a message that is too large as soon as its prefix says so', async () => {
    await using gateway = await start(kind, { maxRequestBytes: MiB });
    const session = await connect(gateway.port);
    const stream = open(session);
    const end = ended(stream);
    stream.write(frame(Buffer.alloc(1), 0, 0xffff_ffff));
    const { status, headers } = await end;
    expect(status).toBe(8);
    expect(headers['grpc-status-details-bin']).toBeUndefined();
    session.close();
    await expectUnharmed(gateway);
  });

  it('survives what is not HTTP/2 at all', async () => {
    await using gateway = await start(kind);
    await tcp(gateway.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await tcp(gateway.port, Buffer.alloc(10_000, 0xff));
    await tcp(gateway.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\xff\xff\xff\xff\xff\xff\xff\xff');
    await tcp(gateway.port, '');
    await expectUnharmed(gateway);
  });

  it('survives a thousand connections that come to nothing', async () => {
    await using gateway = await start(kind);
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 100 }, () => tcp(gateway.port, 'PRI * HTTP/2.0\r\n')));
    }
    await expectUnharmed(gateway);
  });

  it('ends a call at its deadline', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    const stream = open(session, { 'grpc-timeout': '50m' });
    const end = ended(stream);
    stream.write(frame(requestOf(10)).subarray(0, 1000));
    expect((await end).status).toBe(4);
    session.close();
    await expectUnharmed(gateway);
  });

  it('is unharmed by any chunks, in any order', async () => {
    await using gateway = await start(kind, { maxRequestBytes: 4096, maxInflightBytes: 16_384 });
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(frame(requestOf(1))),
      fc.constant(frame(gzipSync(requestOf(1)), 1)),
      fc.nat(5000).map((length) => frame(Buffer.alloc(3), 0, length)),
      fc.constant(Buffer.alloc(0)),
    );
    const encoding = fc.constantFrom('identity', 'gzip', 'deflate', 'zstd', 'nonsense');
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 5 }), encoding, async (chunks, name) => {
        const { status, http } = await call(gateway.port, chunks, { 'grpc-encoding': name });
        expect(http).toBe(200);
        expect([0, 3, 8, 12, 13]).toContain(status);
        await until(() => gateway.admission.inflightBytes === 0);
      }),
      { numRuns: 60 },
    );
    await expectUnharmed(gateway);
  });
});

describe('hostile input, answered more precisely by http2', () => {
  it('refuses a compressed message without a grpc-encoding, and a flag that is neither 0 nor 1', async () => {
    await using gateway = await start('http2');
    const unnamed = await call(gateway.port, [frame(gzipSync(requestOf(1)), 1)]);
    const flagged = await call(gateway.port, [frame(requestOf(1), 2)]);
    expect([unnamed.status, flagged.status]).toEqual([3, 3]);
    expect(flagged.message).toBe('compressed flag 2: neither 0 nor 1');
  });

  it('refuses a timeout that is not one', async () => {
    await using gateway = await start('http2');
    expect((await call(gateway.port, [frame(requestOf(1))], { 'grpc-timeout': '10 seconds' })).status).toBe(3);
    expect(refusals(gateway.stats)).toEqual({ malformed: 1 });
  });

  it('takes zstd', async () => {
    await using gateway = await start('http2');
    const { zstdCompressSync } = await import('node:zlib');
    const answer = await call(gateway.port, [frame(zstdCompressSync(requestOf(50)), 1)], { 'grpc-encoding': 'zstd' });
    expect(answer.status).toBe(0);
    expect(gateway.intake.took(requestOf(50))).toBe(true);
  });

  it('answers 405 to another method', async () => {
    await using gateway = await start('http2');
    expect((await call(gateway.port, [], { ':method': 'GET' })).http).toBe(405);
    expect(refusals(gateway.stats)).toEqual({ wrong_method: 1 });
  });

  it('counts connections and requests that break the rules of HTTP/2', async () => {
    await using gateway = await start('http2');
    await tcp(gateway.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await tcp(gateway.port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\xff\xff\xff\xff\xff\xff\xff\xff');
    expect(refusals(gateway.stats)).toEqual({ malformed: 1, http_on_grpc: 1 });
    await call(gateway.port, [frame(requestOf(1))], { 'content-length': '3' });
    expect(refusals(gateway.stats)).toEqual({ malformed: 2, http_on_grpc: 1 });
  });

  it('names the encodings it knows', async () => {
    await using gateway = await start('http2');
    const answer = await call(gateway.port, [frame(requestOf(1), 1)], { 'grpc-encoding': 'snappy' });
    expect(answer.headers['grpc-accept-encoding']).toBe('identity,gzip,deflate,zstd');
  });

  it('lets a refused sender go on with the next call on the same connection', async () => {
    await using gateway = await start('http2', { maxRequestBytes: MiB });
    const session = await connect(gateway.port);
    const large = open(session);
    const refused = ended(large);
    large.end(frame(Buffer.alloc(6 * MiB)));
    expect((await refused).status).toBe(8);
    const small = open(session);
    const taken = ended(small);
    small.end(frame(requestOf(1)));
    expect((await taken).status).toBe(0);
    session.close();
  });

  it('does not answer a path with trailing rubbish', async () => {
    await using gateway = await start('http2');
    expect((await call(gateway.port, [frame(requestOf(1))], { ':path': `${exportPath}/x` })).status).toBe(12);
  });

  it('reads no more from a client that does not read its answers, until it does', async () => {
    await using gateway = await start('http2');
    const head = wire.blockOf({ ...wire.request, ':path': exportPath, 'content-type': 'application/grpc' });
    const pings = Buffer.concat(Array.from({ length: 10 }, () => wire.ping()));
    const calls = Array.from({ length: 30_000 }, (_, i) =>
      Buffer.concat([wire.headers(2 * i + 1, head), wire.data(2 * i + 1, frame(Buffer.alloc(0)), 1), pings]),
    );
    const client = dial(gateway.port).on('error', () => {});
    client.write(Buffer.concat([wire.preface, wire.settings(), wire.windowUpdate(0, 2 ** 30), ...calls]));
    const taken = (): number => gateway.intake.accepted.length;
    // Nothing comes of it any more while others are served.
    for (let still = 0, before = -1; still < 3; before = taken()) {
      expect((await call(gateway.port, [frame(requestOf(1))])).status).toBe(0);
      still = taken() === before + 1 ? still + 1 : 0;
    }
    expect(taken()).toBeGreaterThan(100);
    expect(taken()).toBeLessThan(calls.length - 1000);
    const others = taken() - gateway.intake.accepted.filter(({ message }) => message.length === 0).length;
    client.resume();
    await until(() => taken() - others === calls.length);
    client.destroy();
    await expectUnharmed(gateway);
  });

  it('keeps no answers for a client that asks on and on but opens no window for them', async () => {
    await using gateway = await start('http2');
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const head = wire.blockOf({ ...wire.request, ':path': path, 'content-type': 'application/grpc' });
    const asks = wire.data(1, Buffer.concat(Array.from({ length: 1000 }, () => frame(Buffer.from([0x3a, 0x00])))));
    const client = dial(gateway.port).on('error', () => {});
    const heard: Buffer[] = [];
    client.on('data', (bytes: Buffer) => heard.push(bytes));
    client.write(Buffer.concat([wire.preface, wire.settings([4, 0]), wire.headers(1, head), ...Array(20).fill(asks)]));
    client.write(wire.ping('the end.'));
    await until(() => Buffer.concat(heard).includes('the end.'));
    expect(wire.readFrames(Buffer.concat(heard)).map(wire.inWords)).toContain('RST_STREAM 1 ENHANCE_YOUR_CALM');
    client.destroy();
    await expectUnharmed(gateway);
  });
});
