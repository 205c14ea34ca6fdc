import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** An export request as it came. */
export interface Came {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Without its compression, and without gRPC's frame. */
  readonly body: Buffer;
}

/** An endpoint of somebody else's, which takes everything and remembers how it came; by HTTP/1.1, or by gRPC. */
export async function otlpEndpoint(
  protocol: 'http' | 'grpc',
): Promise<{ readonly url: string; readonly came: Came[] }> {
  const came: Came[] = [];
  const server = protocol === 'http' ? httpEndpoint(came) : grpcEndpoint(came);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, came };
}

function httpEndpoint(came: Came[]) {
  return createHttp(async (request, answer) => {
    const sent = await buffer(request);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    came.push({ path: request.url!, headers: request.headers, body });
    answer.writeHead(200, { 'content-type': 'application/x-protobuf', connection: 'close' }).end();
  });
}

/** A message is a byte that says whether it is compressed, its length in four, and itself. */
function grpcEndpoint(came: Came[]) {
  const server = createHttp2();
  server.on('stream', async (stream: ServerHttp2Stream, headers) => {
    const framed = await buffer(stream);
    const message = framed.subarray(5);
    came.push({ path: headers[':path']!, headers, body: framed[0] === 1 ? gunzipSync(message) : message });
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  return server;
}
