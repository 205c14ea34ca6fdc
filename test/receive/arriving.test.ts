import { describe, expect, it } from 'vitest';
import { chunks } from '../../src/receive/chunks.ts';
import { LocalShard } from '../../src/threads/local-shard.ts';
import type { ShardConfig } from '../../src/threads/shards.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { noRules } from '../support/story.ts';
import { call, connect, ended, frame, open, retryDelayOf } from './support/grpc-wire.ts';
import { until } from './support/receivers.ts';
import { requestOfBytes } from './support/requests.ts';
import { dial, transport } from './support/transport.ts';

const MiB = 1 << 20;
type Limits = Partial<ShardConfig['receive'] & Pick<ShardConfig['buffer'], 'maxBytes' | 'onFull'>>;

/** A shard as it runs in a gateway, with a buffer of 1 MiB unless told otherwise, in which traces wait for a minute. */
async function gateway({ onFull = 'refuse', maxBytes = MiB, ...limits }: Limits = {}) {
  const anywhere = { endpoint: { host: '127.0.0.1', port: 0 } };
  const config: ShardConfig = {
    environment: 'home',
    traceDebug: false,
    receive: {
      grpc: { ...anywhere, server: 'http2' },
      http: { ...anywhere, cors: { allowedOrigins: [] } },
      maxRequestBytes: MiB,
      // More than there are calls in a story: each has a connection of its own, whose end comes when it comes.
      maxConnections: 1_000,
      maxInflightBytes: 4 * MiB,
      maxConnectionBytes: MiB,
      maxEnvelopeBytes: MiB,
      maxSpanBytes: MiB,
      ...limits,
    },
    buffer: {
      decisionWaitMs: 60_000,
      decisionWaitAfterRootMs: 0,
      maxBytes,
      maxTraceBytes: maxBytes,
      onFull,
      compressAfterMs: 0,
      rememberedDecisions: 10_000,
    },
    window: { maxBytes: 0, maxAgeMs: 1000 },
    batch: { maxBytes: MiB, maxSpans: 1000, maxAgeMs: 1 },
    enrich: { resource: {}, set: {} },
    redact: [],
    ...(transport.tls && { tls: { grpc: transport.tls, http: transport.tls } }),
  };
  const events = {
    emit: () => {},
    fault: (error: unknown) => faults.push(error),
    died: () => {},
    lost: () => {},
    overload: () => {},
    conditionFault: () => {},
    full: () => {},
    heard: () => {},
    unreachable: () => {},
    refused: () => {},
    delivered: async () => true,
    kafka: () => {},
  };
  const faults: unknown[] = [];
  const shard = new LocalShard(config, { document: noRules, name: 'r1' }, events);
  const { grpc, http } = await shard.start(config.receive);
  const stats = () => shard.stats()[0];
  return {
    shard,
    grpc: grpc?.port as number,
    http: http?.port as number,
    stats,
    refused: () =>
      Object.entries(stats().refused).flatMap(([reason, { requests }]) =>
        requests > 0 ? [`${reason} ${requests}`] : [],
      ),
    [Symbol.asyncDispose]: async () => {
      await shard.stopReceiving(performance.now());
      expect([shard.admission.inflightBytes, chunks.heldBytes], 'held after all is over').toEqual([0, 0]);
      expect(faults).toEqual([]);
      shard.end();
    },
  };
}

const small = (n: number): Buffer => Buffer.from(requestBytes({ trace: `good-${n}`, padding: 2_000 }));

describe.each(['refuse', 'decide_oldest'] as const)('on_full: %s', (onFull) => {
  it('calls that announce 10,000 bytes and send one hold nothing of the buffer, and good ones are taken', async () => {
    await using it = await gateway({ onFull, maxBytes: 16 * MiB });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => connect(it.grpc)));
    // Together they announce more than the buffer.
    for (let i = 0; i < 2000; i++) {
      const stream = open(sessions[i % 4]);
      stream.on('error', () => {});
      stream.write(frame(Buffer.from([10]), 0, 10_000));
      if (i % 20 === 0) expect((await call(it.grpc, [frame(small(i))])).status).toBe(0);
    }
    await until(() => it.shard.admission.inflightBytes === 2000 * 1024);
    const taken = small(0).length * 100;
    expect(it.stats().pipelines[0]).toMatchObject({ waiting: { spans: 100 }, triggers: { full: 0 } });
    expect(it.shard.tenants[0].pipeline.shard.buffer.segments.bytes).toBeLessThan(taken * 1.1);
    expect((await call(it.grpc, [frame(small(5000))])).status).toBe(0);
    expect(it.refused()).toEqual([]);
    for (const session of sessions) session.destroy();
    await until(() => it.shard.admission.inflightBytes === 0);
  });
});

describe('four calls that announce the largest request', () => {
  it('and send a few bytes hold as little, and 200 good ones are taken', async () => {
    await using it = await gateway({ maxBytes: 16 * MiB });
    const session = await connect(it.grpc);
    for (let i = 0; i < 4; i++) {
      const stream = open(session);
      stream.on('error', () => {});
      stream.write(frame(Buffer.alloc(184), 0, MiB));
    }
    await until(() => it.shard.admission.inflightBytes > 0);
    for (let i = 0; i < 200; i++) {
      expect(
        (await call(it.grpc, [frame(Buffer.from(requestBytes({ trace: `g-${i}`, padding: 40_000 })))])).status,
      ).toBe(0);
      expect(it.shard.admission.inflightBytes).toBeLessThanOrEqual(4 * 1024);
    }
    expect([it.stats().pipelines[0].waiting.spans, it.stats().pipelines[0].triggers.full, it.refused()]).toEqual([
      200,
      0,
      [],
    ]);
    session.destroy();
  });
});

describe('a body in chunks of one byte', () => {
  const chunkOf = (byte: number): Buffer => Buffer.from(`1\r\n${String.fromCharCode(byte)}\r\n`, 'latin1');
  const last = Buffer.from('0\r\n\r\n');
  const head = (type: string) =>
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;

  it.each(['x-protobuf', 'json'])('of %s holds less than three times its bytes, and is taken', async (type) => {
    await using it = await gateway();
    const body =
      type === 'json'
        ? Buffer.from(`{"x":"${'a'.repeat(100_000)}"}`)
        : Buffer.from(requestBytes({ trace: 'a', padding: 100_000 }));
    const socket = dial(it.http);
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes));
    socket.write(head(type));
    for (let at = 0; at < body.length; at += 10_000) {
      socket.write(Buffer.concat(Array.from(body.subarray(at, at + 10_000), chunkOf)));
      const came = Math.min(body.length, at + 10_000);
      await until(() => it.shard.admission.inflightBytes >= came);
      expect(it.shard.admission.inflightBytes).toBeLessThanOrEqual(3 * came);
      expect(chunks.heldBytes).toBe(it.shard.admission.inflightBytes);
    }
    socket.write(last);
    await until(() => answer.includes('\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(it.stats().pipelines[0].received[type === 'json' ? 'http_json' : 'http_protobuf'].requests).toBe(1);
    socket.destroy();
  });
});

describe('one connection', () => {
  it('that fills its share is told to wait, and no other is', async () => {
    await using it = await gateway({ maxBytes: 16 * MiB });
    const greedy = await connect(it.grpc);
    const large = frame(Buffer.from(requestBytes({ trace: 'a', padding: 600_000 })));
    const [first, second] = [open(greedy), open(greedy)];
    const [firstEnd, secondEnd] = [ended(first), ended(second)];
    first.write(large.subarray(0, 500_000));
    await until(() => it.shard.admission.inflightBytes >= 490_000);
    // The rest of its share is less than what is announced; the body need not come.
    second.write(large.subarray(0, 1000));
    const refused = await secondEnd;
    expect([refused.status, retryDelayOf(refused.headers)]).toEqual([14, 1]);
    expect(refused.message).toMatch(/^this connection has \d+ bytes in flight of at most 1048576$/);
    expect((await call(it.grpc, [large])).status).toBe(0);
    first.end(large.subarray(500_000));
    expect((await firstEnd).status).toBe(0);
    const again = open(greedy);
    again.end(large);
    expect((await ended(again)).status).toBe(0);
    expect(it.refused()).toEqual(['connection_full 1']);
    greedy.close();
  });
});

describe('a request that cannot be taken now', () => {
  it('is refused before its body comes: gRPC and HTTP, plain and in JSON', async () => {
    await using it = await gateway();
    // The largest that is taken, to 4 kB, leaves no block for another message.
    let bytes = MiB;
    for (let taken = false; !taken; bytes -= 4096)
      taken = (await call(it.grpc, [frame(requestOfBytes(bytes))])).status === 0;
    // It depends on the moment whether the ladder has seen yet that nothing fits.
    const refusedSoFar = (): number => {
      const { buffer_full, overloaded } = it.stats().refused;
      return buffer_full.requests + overloaded.requests;
    };
    const before = refusedSoFar();
    const session = await connect(it.grpc);
    const stream = open(session);
    const end = ended(stream);
    stream.write(frame(Buffer.alloc(0), 0, 500_000));
    const { status, headers } = await end;
    expect([status, retryDelayOf(headers)]).toEqual([14, 1]);
    session.close();
    for (const about of ['x-protobuf', 'json', 'json\r\nContent-Encoding: gzip']) {
      for (const length of ['Content-Length: 500000', 'Transfer-Encoding: chunked']) {
        const socket = dial(it.http);
        let answer = '';
        socket.on('data', (bytes) => (answer += bytes));
        socket.write(`POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/${about}\r\n${length}\r\n\r\n`);
        await until(() => answer.includes('\r\n\r\n'));
        expect(answer).toMatch(/^HTTP\/1\.1 503 /);
        expect(answer).toMatch(/retry-after: 1\r\n/i);
        socket.destroy();
      }
    }
    expect(refusedSoFar() - before).toBe(7);
  });
});

describe('a large body of JSON whose sender goes away', () => {
  const spans = 60_000;
  const spanOf = (i: number) => ({
    traceId: traceIdHex(`json-${i}`),
    spanId: '00f067aa0ba902b7',
    name: 'work',
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000001000000',
  });
  const body = Buffer.from(
    JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: spans }, (_, i) => spanOf(i)) }] }],
    }),
  );
  const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

  it.each([
    ['when it has landed', (landed: number, _: number) => landed > 0],
    ['when part of it is in the buffer', (_: number, waiting: number) => waiting > 0],
  ])('%s is taken whole or not at all, and holds nothing', async (_, isTime) => {
    const limits = { maxRequestBytes: 32 * MiB, maxInflightBytes: 128 * MiB, maxConnectionBytes: 128 * MiB };
    await using it = await gateway({ maxBytes: 128 * MiB, ...limits });
    const { buffer } = it.shard.tenants[0].pipeline.shard;
    const socket = dial(it.http);
    socket.on('error', () => {});
    socket.write(head);
    socket.write(body);
    while (!isTime(buffer.segments.bytes, buffer.spans)) await new Promise(setImmediate);
    socket.destroy();
    await until(() => it.shard.admission.inflightBytes === 0);
    await until(() => buffer.spans === spans || buffer.segments.bytes === 0);
    expect(it.stats().pipelines[0].waiting.spans).toBe(buffer.spans);
    while (it.shard.decideWaiting(Number.POSITIVE_INFINITY));
    expect([buffer.segments.bytes, buffer.spans]).toEqual([0, 0]);
  });
});
