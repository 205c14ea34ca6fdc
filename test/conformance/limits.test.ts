import type http from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { call, connect, ended, frame, open, retryDelayOf } from '../receive/support/grpc-wire.ts';
import { refusals, type Started, start, until } from '../receive/support/receivers.ts';
import { requestOfBytes } from '../receive/support/requests.ts';
import { httpRequest } from '../receive/support/transport.ts';

const limit = 20_000;
const gzip = { 'grpc-encoding': 'gzip' };

describe.each(['http2', 'grpc-js'] as const)('max_request_bytes on %s', (kind) => {
  it('takes a message of exactly the limit, packed or not, and none one byte longer', async () => {
    await using gateway = await start(kind, { maxRequestBytes: limit });
    const [fits, exceeds] = [requestOfBytes(limit), requestOfBytes(limit + 1)];
    expect((await call(gateway.port, [frame(fits)])).status).toBe(0);
    expect((await call(gateway.port, [frame(gzipSync(fits), 1)], gzip)).status).toBe(0);
    expect((await call(gateway.port, [frame(exceeds)])).status).toBe(8);
    expect((await call(gateway.port, [frame(gzipSync(exceeds), 1)], gzip)).status).toBe(8);
    expect(gateway.intake.took(fits, fits)).toBe(true);
  });
});

/** POSTs and tells the status; `send` writes the body. */
function post(
  port: number,
  headers: Record<string, string>,
  send: (request: http.ClientRequest) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method: 'POST', path: '/v1/traces', agent: false as const };
    const type = { 'content-type': 'application/x-protobuf' };
    const request = httpRequest({ ...options, headers: { ...type, ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode as number);
    });
    request.on('error', reject);
    send(request);
  });
}

describe('max_request_bytes on http', () => {
  it('takes a body of exactly the limit, packed or not, and none one byte longer', async () => {
    await using gateway = await start('http', { maxRequestBytes: limit });
    const [fits, exceeds] = [requestOfBytes(limit), requestOfBytes(limit + 1)];
    const packed = { 'content-encoding': 'gzip' };
    const statuses = [];
    for (const body of [fits, exceeds]) {
      statuses.push(await post(gateway.port, {}, (request) => request.end(body)));
      statuses.push(await post(gateway.port, {}, (request) => void request.write(body, () => request.end())));
      statuses.push(await post(gateway.port, packed, (request) => request.end(gzipSync(body))));
    }
    expect(statuses).toEqual([200, 200, 200, 413, 413, 413]);
    expect(refusals(gateway.stats)).toEqual({ too_large: 3 });
  });
});

describe('max_inflight_bytes', () => {
  const message = requestOfBytes(15_000);
  /** What 10,000 bytes of a message hold. */
  const isHeld = (gateway: Started): boolean => gateway.admission.inflightBytes >= 10_000;

  it('on http2: a second call fits to the byte, and has to wait for one byte more', async () => {
    await using gateway = await start('http2', { maxRequestBytes: limit, maxInflightBytes: limit });
    const session = await connect(gateway.port);
    const first = open(session);
    const firstEnd = ended(first);
    first.write(frame(message).subarray(0, 10_005));
    await until(() => isHeld(gateway));
    const left = limit - gateway.admission.inflightBytes;
    expect(left).toBeGreaterThanOrEqual(5000);

    const waits = await call(gateway.port, [frame(requestOfBytes(left + 1))]);
    expect(waits.status).toBe(14);
    expect(retryDelayOf(waits.headers)).toBe(1);
    expect((await call(gateway.port, [frame(requestOfBytes(left))])).status).toBe(0);

    first.end(frame(message).subarray(10_005));
    expect((await firstEnd).status).toBe(0);
    session.close();
    expect((await call(gateway.port, [frame(requestOfBytes(left + 1))])).status).toBe(0);
    expect(refusals(gateway.stats)).toEqual({ inflight_full: 1 });
  });

  it('on http: the same', async () => {
    await using gateway = await start('http', { maxRequestBytes: limit, maxInflightBytes: limit });
    let finish = (): void => {};
    const first = post(gateway.port, { 'content-length': '15000' }, (request) => {
      request.write(message.subarray(0, 10_000));
      finish = () => request.end(message.subarray(10_000));
    });
    await until(() => isHeld(gateway));
    const left = limit - gateway.admission.inflightBytes;

    expect(await post(gateway.port, {}, (request) => request.end(requestOfBytes(left + 1)))).toBe(503);
    expect(await post(gateway.port, {}, (request) => request.end(requestOfBytes(left)))).toBe(200);
    finish();
    expect(await first).toBe(200);
    expect(await post(gateway.port, {}, (request) => request.end(requestOfBytes(left + 1)))).toBe(200);
  });
});
