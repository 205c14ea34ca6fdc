import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frame as grpcFrame } from '../receive/support/grpc-wire.ts';
import {
  blockOf,
  data,
  END_HEADERS,
  END_STREAM,
  frameOf,
  headers,
  PADDED,
  padded,
  preface,
  settings,
} from '../receive/support/http2-wire.ts';
import { requestBytes } from '../support/spans.ts';
import { MiB, type Scene, sized, startScene } from './scene.ts';
import { write } from './send.ts';

const call = (path: string) =>
  blockOf({ ':method': 'POST', ':scheme': 'http', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
const exportCall = call('/opentelemetry.proto.collector.trace.v1.TraceService/Export');
const healthCheck = call('/grpc.health.v1.Health/Check');
const healthWatch = call('/grpc.health.v1.Health/Watch');
const hello = Buffer.concat([preface, settings()]);

const holdMs = sized(1_500, 15_000);
const repeated = (unit: Uint8Array, bytes: number): Buffer =>
  Buffer.alloc(Math.floor(bytes / unit.length) * unit.length, unit);

/** Connections that stay open, with these bytes sent, until the time is over. */
async function held(address: string, count: number, bytes: (n: number) => Uint8Array): Promise<void> {
  const [host, port] = address.split(':');
  const sockets = Array.from({ length: count }, (_, n) => {
    const socket = net.connect(Number(port), host);
    socket.on('error', () => {});
    socket.resume();
    socket.write(bytes(n));
    return socket;
  });
  await sleep(holdMs);
  for (const socket of sockets) socket.destroy();
}

/** What one connection after the other asks, beside a client that goes on. */
describe('a connection', () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await startScene()));
  afterAll(() => scene[Symbol.asyncDispose]());

  it('with a head of blanks', async () => {
    const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ${' '.repeat(16_000)}\x01\r\n\r\n`;
    const send = async () => {
      for (let n = 0; n < sized(20, 200); n++) await write(scene.gateway.http, [Buffer.from(head)], 5_000);
    };
    await scene.attack(send, { memoryBytes: 32 * MiB });
  });

  it('with thousands of requests in one go', async () => {
    const one = Buffer.from(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n',
    );
    const other = Buffer.from('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    const count = sized(5_000, 20_000);
    const send = () =>
      Promise.all([
        write(scene.gateway.http, [repeated(one, count * one.length)], 3_000),
        write(scene.gateway.http, [repeated(other, count * other.length)], 3_000),
      ]);
    await scene.attack(send, { memoryBytes: 128 * MiB });
  });

  it.each([
    [
      'with half a frame',
      () => Buffer.concat([hello, headers(1, exportCall, END_HEADERS), frameOf(0, 1, Buffer.alloc(9_000), 0, 16_384)]),
    ],
    ['with half a head', () => Buffer.from('POST /v1/traces HTTP/1.1\r\nHost: x\r\nX-Half: ')],
    ['that says nothing', () => Buffer.alloc(0)],
  ])('%s, hundreds of times', async (what, bytes) => {
    const address = what.includes('frame') ? scene.gateway.grpc : scene.gateway.http;
    const count = sized(300, 3_000);
    await scene.attack(() => held(address, count, bytes), { memoryBytes: count * 64 * 1024 + 64 * MiB });
  });

  it('that announces a kilobyte and sends a byte, again and again', async () => {
    const begun = (n: number): Uint8Array =>
      Buffer.concat([
        hello,
        ...Array.from({ length: 100 }, (_, i) => [
          headers(2 * i + 1, exportCall, END_HEADERS),
          data(2 * i + 1, Buffer.concat([Buffer.from([0, 0, 0, 3, 232]), Buffer.from([n & 255])])),
        ]).flat(),
      ]);
    const send = () => held(scene.gateway.grpc, sized(5, 20), begun);
    await scene.attack(send, { memoryBytes: 64 * MiB });
  });

  it('of four that announce 64 MiB and send next to nothing', async () => {
    const announced = Buffer.from([0, 4, 0, 0, 0, 10]);
    const inGrpc = Buffer.concat([hello, headers(1, exportCall, END_HEADERS), data(1, announced)]);
    const inHttp = Buffer.from(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 67108864\r\n\r\n\n',
    );
    const send = () =>
      Promise.all([held(scene.gateway.grpc, 4, () => inGrpc), held(scene.gateway.http, 4, () => inHttp)]);
    await scene.attack(send, { memoryBytes: 64 * MiB });
  });

  it('that asks and never reads', async () => {
    const one = Buffer.from(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n',
    );
    const [host, port] = scene.gateway.http.split(':');
    const send = async () => {
      const socket = net.connect(Number(port), host).on('error', () => {});
      socket.pause();
      socket.write(repeated(one, sized(4, 32) * MiB));
      await sleep(holdMs);
      socket.destroy();
    };
    await scene.attack(send, { memoryBytes: 64 * MiB });
  });

  it('with a body in chunks of one byte', async () => {
    const body = Buffer.from(requestBytes({ trace: 'chunked', id: 'chunked', padding: sized(300_000, 2_900_000) }));
    const chunks = Buffer.alloc(6 * body.length, '1\r\nx\r\n');
    for (const [i, byte] of body.entries()) chunks[6 * i + 3] = byte;
    const head = Buffer.from(
      'POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const send = async () => {
      const heard = await write(scene.gateway.http, [head, chunks, Buffer.from('0\r\n\r\n')], 30_000);
      expect(heard).toMatch(/^HTTP\/1.1 200 /);
    };
    await scene.attack(send, { memoryBytes: 10 * body.length + 64 * MiB });
  });

  it('with thousands of health watches', async () => {
    const watches = Array.from({ length: 900 }, (_, i) =>
      Buffer.concat([headers(2 * i + 1, healthWatch), data(2 * i + 1, grpcFrame(Buffer.alloc(0)), END_STREAM)]),
    );
    const count = sized(5, 33);
    const send = () => held(scene.gateway.grpc, count, () => Buffer.concat([hello, ...watches]));
    await scene.attack(send, { memoryBytes: 128 * MiB });
  });

  it.each([
    ['of nothing but padding', () => frameOf(0, 1, padded('', 255), PADDED)],
    ['of empty messages', () => data(1, repeated(grpcFrame(Buffer.alloc(0)), 16_000))],
  ])('with frames %s', async (_, frame) => {
    const bytes = sized(8, 62) * MiB;
    const send = (block: Buffer) =>
      write(scene.gateway.grpc, [Buffer.concat([hello, headers(1, block)]), repeated(frame(), bytes)], 5_000);
    await scene.attack(() => Promise.all([send(exportCall), send(healthCheck)]), { memoryBytes: 96 * MiB });
  });

  it('with a table of headers that is used over and over', async () => {
    const entry = Buffer.concat([
      Buffer.from([0x40, 1, 0x61, 0x7f, 0x80 + ((3_900 - 127) % 128), (3_900 - 127) >> 7]),
      Buffer.alloc(3_900, 'b'),
    ]);
    const first = Buffer.concat([exportCall, entry]);
    const again = Buffer.concat([exportCall, Buffer.alloc(12_000, 0xbe)]);
    const frames = Array.from({ length: sized(200, 1_000) }, (_, i) =>
      headers(2 * i + 3, again, END_HEADERS | END_STREAM),
    );
    const send = () =>
      write(
        scene.gateway.grpc,
        [Buffer.concat([hello, headers(1, first, END_HEADERS | END_STREAM), ...frames])],
        5_000,
      );
    await scene.attack(send, { memoryBytes: 64 * MiB });
  });
});
