import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Sender } from './send.ts';

const method = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const statusNames: Record<string, string> = { 4: 'DEADLINE_EXCEEDED', 8: 'RESOURCE_EXHAUSTED', 14: 'UNAVAILABLE' };

/**
 * OTLP/gRPC as unary calls over one HTTP/2 connection (gRPC over HTTP2, "Requests" and "Responses"): all a sender of
 * test traffic needs. A connection that went away is opened again with the next call.
 */
export function grpcSender(target: string, timeoutMs = 10_000): Sender {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session;
    session = connect(`http://${target}`, { settings: { enablePush: false } });
    session.on('error', () => {}); // every call in flight reports it
    return session;
  };
  return {
    send: (body) => call(open(), target, frame(body), timeoutMs),
    close: async () => session?.destroy(),
  };
}

/** A gRPC message: not compressed, then its length, then its bytes. */
function frame(body: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(body.length + 5);
  framed[0] = 0;
  framed.writeUInt32BE(body.length, 1);
  framed.set(body, 5);
  return framed;
}

function call(session: ClientHttp2Session, target: string, message: Buffer, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': method,
      ':scheme': 'http',
      ':authority': target,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${timeoutMs}m`,
    });
    let status = 'no status';
    const read = (headers: IncomingHttpHeaders): void => {
      const code = headers['grpc-status'];
      if (code !== undefined) status = code === '0' ? '' : (statusNames[String(code)] ?? `gRPC status ${code}`);
    };
    stream.on('response', read).on('trailers', read).on('error', reject);
    stream.on('close', () => resolve(status));
    stream.setTimeout(timeoutMs, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.resume().end(message);
  });
}
