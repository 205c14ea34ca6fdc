import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import grpc from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { call, connect, exportPath, fields, frame, retryDelayOf } from '../receive/support/grpc-wire.ts';
import { refusals, start } from '../receive/support/receivers.ts';
import { encodeReference, requestJson, requestOf, spanJson } from '../receive/support/requests.ts';
import { grpcCredentials, grpcOptions } from '../receive/support/transport.ts';

const asIs = (bytes: Buffer): Buffer => bytes;

/** A unary call by @grpc/grpc-js, the way SDKs make it. */
function unary(port: number, path: string, request: Buffer, options: grpc.ClientOptions = {}, deadlineMs = 5000) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpcCredentials, { ...grpcOptions, ...options });
  return new Promise<{ error: grpc.ServiceError | null; response: Buffer | undefined }>((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, request, { deadline: Date.now() + deadlineMs }, (error, response) => {
      client.close();
      resolve({ error, response });
    });
  });
}

const { OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, UNIMPLEMENTED, INTERNAL, NOT_FOUND } = grpc.status;
const gzip = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };

describe.each(['http2', 'grpc-js'] as const)('OTLP/gRPC on %s', (kind) => {
  it('takes a request of an SDK and answers with an empty message', async () => {
    await using gateway = await start(kind);
    const { error, response } = await unary(gateway.port, exportPath, requestOf(3));
    expect(error).toBeNull();
    expect(response).toHaveLength(0);
    expect(gateway.intake.accepted).toEqual([{ message: requestOf(3), protocol: 'grpc' }]);
    expect(refusals(gateway.stats)).toEqual({});
  });

  it('takes an empty request', async () => {
    await using gateway = await start(kind);
    const { error } = await unary(gateway.port, exportPath, Buffer.alloc(0));
    expect(error).toBeNull();
    expect(gateway.intake.accepted).toHaveLength(1);
  });

  it('takes a gzip request, large and small', async () => {
    await using gateway = await start(kind);
    for (const spans of [1, 1000]) {
      const { error } = await unary(gateway.port, exportPath, requestOf(spans), gzip);
      expect(error).toBeNull();
    }
    expect(gateway.intake.took(requestOf(1), requestOf(1000))).toBe(true);
  });

  it('takes deflate and two gzip members in a row', async () => {
    await using gateway = await start(kind);
    const request = requestOf(4);
    const members = Buffer.concat([gzipSync(request.subarray(0, 100)), gzipSync(request.subarray(100))]);
    const deflated = await call(gateway.port, [frame(deflateSync(request), 1)], { 'grpc-encoding': 'deflate' });
    const twofold = await call(gateway.port, [frame(members, 1)], { 'grpc-encoding': 'gzip' });
    expect([deflated.status, twofold.status]).toEqual([OK, OK]);
    expect(gateway.intake.took(request, request)).toBe(true);
  });

  it('says how many spans it rejected, and takes the others', async () => {
    await using gateway = await start(kind);
    const request = encodeReference(requestJson([spanJson('eee19b7ec3c1b174'), spanJson('0102'), spanJson('')]));
    const { error, response } = await unary(gateway.port, exportPath, request);
    expect(error).toBeNull();
    const partial = fields(fields(response as Buffer).get(1) as Uint8Array);
    expect(partial.get(1)).toBe(2);
    expect(Buffer.from(partial.get(2) as Uint8Array).toString()).toBe('2 of 3 spans have an invalid id');
  });

  it('tells a sender to come back when the buffer is full', async () => {
    await using gateway = await start(kind);
    gateway.intake.refuseLength = new Refusal('buffer_full', 'buffer full: 100 % of 512 MiB', 1500);
    const answer = await call(gateway.port, [frame(requestOf(1))]);
    expect(answer).toMatchObject({ http: 200, status: UNAVAILABLE, message: 'buffer full: 100 % of 512 MiB' });
    expect(retryDelayOf(answer.headers)).toBe(1);
    expect(answer.headers['google.rpc.retryinfo-bin']).toBeDefined();
    expect(gateway.stats.refused.buffer_full).toEqual({ requests: 1, bytes: requestOf(1).length });
  });

  it('gives the SDK the same answer', async () => {
    await using gateway = await start(kind);
    gateway.intake.refuseMessage = new Refusal('draining', 'shutting down — später wieder');
    const { error } = await unary(gateway.port, exportPath, requestOf(1));
    expect(error).toMatchObject({ code: UNAVAILABLE, details: 'shutting down — später wieder' });
    expect(error?.metadata.get('grpc-status-details-bin')).toHaveLength(1);
  });

  it('refuses garbage for good', async () => {
    await using gateway = await start(kind);
    const { error } = await unary(gateway.port, exportPath, Buffer.from('garbage, not protobuf'));
    expect(error).toMatchObject({ code: INVALID_ARGUMENT });
    expect(error?.metadata.get('grpc-status-details-bin')).toEqual([]);
    expect(refusals(gateway.stats)).toEqual({ malformed: 1 });
  });

  it('answers INTERNAL when the gateway itself fails, and goes on', async () => {
    await using gateway = await start(kind);
    const { accept } = gateway.intake;
    gateway.intake.accept = () => {
      throw new TypeError('a bug');
    };
    const { error } = await unary(gateway.port, exportPath, requestOf(1));
    expect(error).toMatchObject({ code: INTERNAL });
    expect(gateway.errors).toEqual([new TypeError('a bug')]);
    gateway.intake.accept = accept;
    expect((await unary(gateway.port, exportPath, requestOf(1))).error).toBeNull();
  });

  it('knows no other method', async () => {
    await using gateway = await start(kind);
    const metrics = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
    const { error } = await unary(gateway.port, metrics, requestOf(1));
    expect(error).toMatchObject({ code: UNIMPLEMENTED });
  });

  it('refuses an encoding it cannot unpack and names those it can', async () => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, [frame(brotliCompressSync(requestOf(1)), 1)], {
      'grpc-encoding': 'snappy',
    });
    expect(answer.status).toBe(UNIMPLEMENTED);
    if (kind === 'http2') expect(answer.headers['grpc-accept-encoding']).toContain('gzip');
  });

  it('takes a plain message whatever encoding its header announces', async () => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, [frame(requestOf(1))], { 'grpc-encoding': 'snappy' });
    expect(answer.status).toBe(OK);
  });

  it.each([
    ['broken gzip', Buffer.from('this is not gzip')],
    ['gzip cut short', gzipSync(requestOf(20)).subarray(0, 60)],
    ['no bytes at all', Buffer.alloc(0)],
  ])('refuses %s for good', async (_what, packed) => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, [frame(packed, 1)], { 'grpc-encoding': 'gzip' });
    expect(answer.status).toBe(kind === 'http2' ? INVALID_ARGUMENT : INTERNAL);
  });

  it('stops a gzip bomb at the limit, without a hint to try again', async () => {
    await using gateway = await start(kind, { maxRequestBytes: 1024 * 1024 });
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const answer = await call(gateway.port, [frame(bomb, 1)], { 'grpc-encoding': 'gzip' });
    expect(answer.status).toBe(RESOURCE_EXHAUSTED);
    expect(retryDelayOf(answer.headers)).toBeUndefined();
  });

  it('answers 415 to what is not gRPC', async () => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, [requestOf(1)], { 'content-type': 'application/json' });
    expect(answer.http).toBe(415);
  });

  it.each([
    ['no message', []],
    ['half a prefix', [Buffer.from([0, 0, 0])]],
    ['half a message', [frame(requestOf(2)).subarray(0, 200)]],
  ])('refuses a call that ends with %s', async (_what, chunks) => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, chunks);
    expect(answer.status).toBe(kind === 'http2' ? INVALID_ARGUMENT : UNIMPLEMENTED);
    expect(gateway.intake.accepted).toEqual([]);
  });

  it('refuses two messages in one call', async () => {
    await using gateway = await start(kind);
    const answer = await call(gateway.port, [frame(requestOf(1)), frame(requestOf(1))]);
    expect(answer.status).not.toBe(OK);
    expect(gateway.intake.accepted).toEqual([]);
  });

  it('puts a message together that comes byte by byte', async () => {
    await using gateway = await start(kind);
    const request = requestOf(1);
    const answer = await call(
      gateway.port,
      [...frame(request)].map((byte) => Buffer.from([byte])),
    );
    expect(answer.status).toBe(OK);
    expect(gateway.intake.took(request)).toBe(true);
  });

  it('takes a message of many chunks that begin and end anywhere', async () => {
    await using gateway = await start(kind);
    const framed = frame(requestOf(600));
    const chunks: Buffer[] = [];
    for (let at = 0, size = 1; at < framed.length; at += size, size = (size * 7 + 3) % 40_000 || 1) {
      chunks.push(framed.subarray(at, at + size));
    }
    expect((await call(gateway.port, chunks)).status).toBe(OK);
    expect(gateway.intake.took(framed.subarray(5))).toBe(true);
  });

  it('serves 200 calls at once on one connection', async () => {
    await using gateway = await start(kind);
    const client = new grpc.Client(`127.0.0.1:${gateway.port}`, grpcCredentials, grpcOptions);
    const answers = Array.from(
      { length: 200 },
      () => new Promise((resolve) => client.makeUnaryRequest(exportPath, asIs, asIs, requestOf(5), resolve)),
    );
    expect(new Set(await Promise.all(answers))).toEqual(new Set([null]));
    client.close();
    expect(gateway.intake.accepted).toHaveLength(200);
  });

  it('tells its health, as a whole and by service', async () => {
    await using gateway = await start(kind);
    const check = async (service: string): Promise<number | undefined> => {
      const request = Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
      const { error, response } = await unary(gateway.port, '/grpc.health.v1.Health/Check', request);
      return error === null ? (fields(response as Buffer).get(1) as number) : -error.code;
    };
    const traces = 'opentelemetry.proto.collector.trace.v1.TraceService';
    expect(await Promise.all([check(''), check(traces), check('nobody')])).toEqual([1, 1, -NOT_FOUND]);
    gateway.serving = false;
    expect(await check('')).toBe(2);
  });

  it('tells a watcher when its health changes', async () => {
    await using gateway = await start(kind);
    const client = new grpc.Client(`127.0.0.1:${gateway.port}`, grpcCredentials, grpcOptions);
    const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', asIs, asIs, Buffer.alloc(0));
    const heard: number[] = [];
    watch.on('error', () => {});
    await new Promise<void>((resolve) => {
      watch.on('data', (response: Buffer) => {
        heard.push(fields(response).get(1) as number);
        gateway.serving = false;
        if (heard.length === 2) resolve();
      });
    });
    expect(heard).toEqual([1, 2]);
    watch.cancel();
    client.close();
  });

  it.each(['v1', 'v1alpha'])('lists its services by reflection %s', async (version) => {
    await using gateway = await start(kind);
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const answer = await call(gateway.port, [frame(Buffer.from([0x3a, 0x00]))], { ':path': path });
    expect(answer.status).toBe(OK);
    expect(answer.body.toString('latin1')).toContain('opentelemetry.proto.collector.trace.v1.TraceService');
  });

  it('opens windows of at least 4 MiB', async () => {
    await using gateway = await start(kind);
    const session = await connect(gateway.port);
    expect(session.remoteSettings.initialWindowSize).toBe(4 * 1024 * 1024);
    await expect.poll(() => session.state.remoteWindowSize).toBeGreaterThanOrEqual(4 * 1024 * 1024);
    session.close();
  });
});
