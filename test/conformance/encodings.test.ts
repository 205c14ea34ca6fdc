import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { call, frame } from '../receive/support/grpc-wire.ts';
import { start } from '../receive/support/receivers.ts';
import { encodeReference, requestJson, spanJson } from '../receive/support/requests.ts';
import { scheme } from '../receive/support/transport.ts';

it('a request is the same to the pipeline whichever way it came', async () => {
  await using http2 = await start('http2');
  await using grpcJs = await start('grpc-js');
  await using http = await start('http');
  const json = requestJson([spanJson('eee19b7ec3c1b174'), spanJson('eee19b7ec3c1b175'), {}]);
  const message = encodeReference(json);
  const post = async (type: string, body: Uint8Array, encoding = 'identity'): Promise<void> => {
    const response = await fetch(`${scheme}://127.0.0.1:${http.port}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': type, 'content-encoding': encoding },
      body: new Uint8Array(body),
    });
    expect(response.status).toBe(200);
  };

  for (const { port } of [http2, grpcJs]) {
    expect((await call(port, [frame(message)])).status).toBe(0);
    expect((await call(port, [frame(gzipSync(message), 1)], { 'grpc-encoding': 'gzip' })).status).toBe(0);
  }
  for (const encoding of ['identity', 'gzip']) {
    const pack = encoding === 'gzip' ? gzipSync : (bytes: Buffer): Buffer => bytes;
    await post('application/x-protobuf', pack(message), encoding);
    await post('application/json', pack(Buffer.from(JSON.stringify(json))), encoding);
  }
  const came = [http2, grpcJs, http].flatMap(({ intake }) => intake.accepted.map((request) => request.message));
  expect(came).toHaveLength(8);
  expect(came.every((each) => each.equals(message))).toBe(true);
});
