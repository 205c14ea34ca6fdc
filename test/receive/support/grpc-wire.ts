import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Reader } from '../../../src/wire/reader.ts';
import { scheme } from './transport.ts';

export const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** A message with its prefix; `flag` 1 = compressed. */
export function frame(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** How a call ended, read off the wire. */
export interface Ended {
  readonly http: number;
  /** grpc-status; NaN where none came. */
  readonly status: number;
  readonly message: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function connect(port: number): Promise<ClientHttp2Session> {
  const session = http2.connect(`${scheme}://127.0.0.1:${port}`);
  session.on('error', () => {});
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  return session;
}

export function open(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': exportPath,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
}

/** Waits until the server has ended the call, by an answer or a reset. */
export function ended(stream: ClientHttp2Stream): Promise<Ended> {
  const headers: IncomingHttpHeaders = {};
  const body: Buffer[] = [];
  stream.on('response', (more) => Object.assign(headers, more));
  stream.on('trailers', (more) => Object.assign(headers, more));
  stream.on('data', (chunk: Buffer) => body.push(chunk));
  stream.on('error', () => {});
  stream.on('end', () => stream.close());
  return new Promise((resolve) => {
    stream.on('close', () =>
      resolve({
        http: Number(headers[':status']),
        status: Number(headers['grpc-status']),
        message: decodeURIComponent(String(headers['grpc-message'] ?? '')),
        headers,
        body: Buffer.concat(body),
      }),
    );
  });
}

/** One call on a connection of its own: `chunks` are written one DATA frame each. */
export async function call(
  port: number,
  chunks: readonly Uint8Array[],
  headers: OutgoingHttpHeaders = {},
): Promise<Ended> {
  const session = await connect(port);
  const stream = open(session, headers);
  const end = ended(stream);
  for (const chunk of chunks) if (!stream.destroyed) await new Promise((resolve) => stream.write(chunk, resolve));
  if (!stream.destroyed) stream.end();
  const result = await end;
  session.close();
  return result;
}

/** RetryInfo's delay in seconds out of `grpc-status-details-bin`; undefined where there is none. */
export function retryDelayOf(headers: IncomingHttpHeaders): number | undefined {
  const details = headers['grpc-status-details-bin'];
  if (details === undefined) return undefined;
  const any = fields(Buffer.from(String(details), 'base64')).get(3);
  const retryInfo = fields(fields(any as Uint8Array).get(2) as Uint8Array);
  const seconds = fields(retryInfo.get(1) as Uint8Array).get(1);
  return Number(seconds ?? 0);
}

export function fields(message: Uint8Array): Map<number, Uint8Array | number> {
  const found = new Map<number, Uint8Array | number>();
  const r = new Reader(message);
  while (r.next()) found.set(r.field, r.wireType === 2 ? r.bytes() : r.varint());
  return found;
}
