import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Refusal } from '../../src/errors.ts';
import { post, Wire } from '../receive/support/http-wire.ts';
import { refusals, start, until } from '../receive/support/receivers.ts';
import { requestJson, requestOf } from '../receive/support/requests.ts';

const request = requestOf(3);
const json = Buffer.from(JSON.stringify(requestJson()));

const protobuf = 'application/x-protobuf';
const gzip = 'Content-Encoding: gzip\r\n';

describe('a connection of plain requests', () => {
  it('takes one after the other, however they are cut and joined', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const both = Buffer.concat([post(request), post(request)]);
    await wire.write(both.subarray(0, 150));
    await until(() => gateway.admission.inflightBytes > 0);
    await wire.write(both.subarray(150, both.length - 5));
    await wire.answers(1);
    await wire.write(both.subarray(both.length - 5));
    expect(await wire.answers(2)).toEqual([200, 200]);
    expect(gateway.intake.took(request, request)).toBe(true);
    expect(wire.text).toMatch(/content-type: application\/x-protobuf\r\n/);
    expect(wire.text).toMatch(/date: \w{3}, \d\d \w{3} \d{4} [\d:]+ GMT\r\n/);
    expect(wire.text).toMatch(/keep-alive: timeout=125\r\n/);
  });

  it('goes to node:http with its first request that is anything else, and is served all the same', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const packed = post(gzipSync(request), protobuf, gzip);
    const all = [post(request), post(json, 'application/json'), packed, post(request)];
    await wire.write(Buffer.concat(all));
    expect(await wire.answers(4)).toEqual([200, 200, 200, 200]);
    expect(gateway.intake.accepted.map(({ protocol }) => protocol)).toEqual([
      'http_protobuf',
      'http_json',
      'http_protobuf',
      'http_protobuf',
    ]);
    wire.end();
    await until(() => wire.ended);
  });

  it('takes a target in absolute form, plain or by node:http (RFC 9112, 3.2.2)', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const target = 'http://gateway.example:4318/v1/traces';
    const packed = post(gzipSync(request), 'application/x-protobuf', 'Content-Encoding: gzip\r\n', `${target}?a=b`);
    const lost = post(request, 'application/x-protobuf', '', 'http://gateway.example/v1/logs');
    await wire.write(Buffer.concat([post(request, 'application/x-protobuf', '', target), packed, lost]));
    expect(await wire.answers(3)).toEqual([200, 200, 404]);
    expect(gateway.intake.took(request, request)).toBe(true);
  });

  it.each([1, 7, 40])('takes heads that come in pieces of %i bytes', async (bytes) => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const both = Buffer.concat([post(Buffer.alloc(0)), post(gzipSync(request), protobuf, gzip)]);
    for (let at = 0; at < both.length; at += bytes) {
      await wire.write(both.subarray(at, at + bytes));
      if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await wire.answers(2)).toEqual([200, 200]);
    expect(gateway.intake.took(Buffer.alloc(0), request)).toBe(true);
    wire.end();
    await until(() => wire.ended);
  });

  it('is told by node:http that half a head is none', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    await wire.write(post(request).subarray(0, 40));
    await new Promise((resolve) => setImmediate(resolve));
    wire.end();
    expect(await wire.answers(1)).toEqual([400]);
    await until(() => wire.ended);
    expect(refusals(gateway.stats)).toEqual({ malformed: 1 });
  });

  it('drops the body of a refused request and takes the next one', async () => {
    await using gateway = await start('http', { maxRequestBytes: request.length });
    using wire = new Wire(gateway);
    await wire.write(Buffer.concat([post(requestOf(400)), post(request)]));
    expect(await wire.answers(2)).toEqual([413, 200]);
    expect(refusals(gateway.stats)).toEqual({ too_large: 1 });
    gateway.intake.refuseLength = new Refusal('buffer_full', 'full', 2500);
    await wire.write(post(request));
    expect(await wire.answers(3)).toEqual([413, 200, 503]);
    expect(wire.text).toContain('retry-after: 3\r\n');
    gateway.intake.refuseLength = undefined;
    await wire.write(Buffer.concat([post(Buffer.from('garbage')), post(request)]));
    expect(await wire.answers(5)).toEqual([413, 200, 503, 400, 200]);
    expect(gateway.intake.took(request, request)).toBe(true);
  });

  it('waits for a client that asks and asks before it reads, and answers all of it', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    await wire.write(post(Buffer.alloc(0)));
    await wire.answers(1);
    const answerLength = wire.text.length;
    wire.pause();
    // 20 MB of answers: more than both systems hold for a connection.
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => post(Buffer.alloc(0))));
    for (let n = 0; n < 10; n++) void wire.write(many);
    let taken = 1;
    const standsStill = (): boolean => {
      const before = taken;
      taken = gateway.intake.accepted.length;
      return taken > 1 && taken === before;
    };
    await until(standsStill);
    expect(taken).toBeLessThan(100_000);
    wire.resume();
    await until(() => wire.text.length >= 100_001 * answerLength);
    expect(gateway.intake.accepted).toHaveLength(100_001);
  }, 60_000);

  it('has 32 requests of node:http unanswered at most: the next one is refused, and the connection ends', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    using good = new Wire(gateway);
    await wire.write(Buffer.from('GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(400)));
    await good.write(post(request));
    expect(await good.answers(1)).toEqual([200]);
    await until(() => wire.ended);
    expect(wire.statuses).toEqual([...Array(32).fill(404), 429]);
    expect(refusals(gateway.stats)).toEqual({ not_found: 32, calls_full: 1 });
    await good.write(post(json, 'application/json'));
    expect(await good.answers(2)).toEqual([200, 200]);
  });

  it('takes gzip, one after the other, and whatever follows while it is unpacked, in the order it came', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    const packed = (spans: number): Buffer => post(gzipSync(requestOf(spans)), protobuf, gzip);
    const all = [
      packed(2),
      packed(3),
      post(requestOf(4)),
      packed(5),
      post(json, 'application/json'),
      packed(6),
      post(requestOf(7)),
    ];
    await wire.write(Buffer.concat(all));
    expect(await wire.answers(7)).toEqual([200, 200, 200, 200, 200, 200, 200]);
    const taken = gateway.intake.accepted.map(({ message }) => Buffer.from(message));
    for (const [i, spans] of [2, 3, 4, 5].entries()) expect(taken[i].equals(requestOf(spans))).toBe(true);
    // Behind the JSON it is node:http's: it answers in order, and unpacks one while it takes the next.
    const last = taken.slice(5).sort((one, other) => one.length - other.length);
    for (const [i, spans] of [6, 7].entries()) expect(last[i].equals(requestOf(spans))).toBe(true);
  });

  it('refuses broken gzip and goes on', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    await wire.write(Buffer.concat([post(Buffer.from('nonsense'), protobuf, gzip), post(request)]));
    expect(await wire.answers(2)).toEqual([400, 200]);
    expect(gateway.intake.took(request)).toBe(true);
    expect(refusals(gateway.stats)).toEqual({ malformed: 1 });
  });

  it('answers a compressed request whose client sends no more', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    void wire.write(post(gzipSync(request), protobuf, gzip));
    wire.end();
    expect(await wire.answers(1)).toEqual([200]);
    await until(() => wire.ended);
    expect(gateway.intake.took(request)).toBe(true);
  });

  it('answers a long compressed request and ends the connection where megabytes are sent behind it', async () => {
    await using gateway = await start('http', { maxRequestBytes: 64 << 20, maxInflightBytes: 256 << 20 });
    using wire = new Wire(gateway);
    const long = requestOf(20_000);
    const behind = Array.from({ length: 40 }, () => post(requestOf(500)));
    void wire.write(Buffer.concat([post(gzipSync(long), protobuf, gzip), ...behind]));
    await until(() => wire.ended || wire.statuses.length === 41);
    // The loop may have had time to unpack before it read on: then all are answered. What is answered was taken, no
    // more and no less.
    expect(wire.statuses.every((status) => status === 200)).toBe(true);
    expect(wire.statuses.length).toBe(gateway.intake.accepted.length);
    expect(Buffer.from(gateway.intake.accepted[0].message).equals(long)).toBe(true);
  });

  it('gives everything back when a client goes while its request is unpacked', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    await wire.write(post(gzipSync(requestOf(20_000)), protobuf, gzip));
    wire[Symbol.dispose]();
    await until(() => gateway.admission.inflightBytes === 0);
  });

  it('takes a request without a body: no spans', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    await wire.write(Buffer.concat([post(Buffer.alloc(0)), post(request)]));
    expect(await wire.answers(2)).toEqual([200, 200]);
  });

  it('gives everything back when its client ends or breaks it in the middle of a body', async () => {
    await using gateway = await start('http');
    for (const leave of ['end', Symbol.dispose] as const) {
      using wire = new Wire(gateway);
      await wire.write(post(request).subarray(0, 200));
      await until(() => gateway.admission.inflightBytes > 0);
      wire[leave]();
      await until(() => gateway.admission.inflightBytes === 0);
    }
  });

  it('is answered with a wish to close it while the gateway drains', async () => {
    await using gateway = await start('http');
    using wire = new Wire(gateway);
    using idle = new Wire(gateway);
    await idle.write(post(request));
    await idle.answers(1);
    const bytes = post(request);
    await wire.write(bytes.subarray(0, 200));
    await until(() => gateway.admission.inflightBytes > 0);
    const drained = gateway.receiver.stopReceiving(systemClock.monotonicMs() + 10_000);
    await until(() => idle.ended);
    await wire.write(bytes.subarray(200));
    expect(await wire.answers(1)).toEqual([200]);
    expect(wire.text).toContain('connection: close\r\n');
    wire.end();
    idle.end();
    await drained;
  });
});
