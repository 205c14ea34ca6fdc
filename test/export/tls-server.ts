import { createSecureServer, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket, TlsOptions } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import type { Issued } from '../support/certificates.ts';

/** What an OTLP server in TLS saw. */
export interface TlsServer {
  readonly port: number;
  readonly url: string;
  /** Bodies that were answered with success, without gRPC's prefix, unpacked. */
  readonly received: Buffer[];
  /** Of each connection: the name it asked for, and the client certificate's CN. */
  readonly connections: { readonly asked: string | false; readonly client: string | undefined }[];
  /** Other certificates for the next connections. */
  renew(context: SecureContextOptions): void;
  /** Ends every connection as a server does that restarts: what is under way is answered. */
  hangUp(): void;
}

export const pairOf = ({ cert, key }: Issued) => ({ cert, key });

/** An OTLP server that says yes to everything, over TLS; it ends with the test. */
export async function tlsServer(protocol: 'grpc' | 'http', options: TlsOptions): Promise<TlsServer> {
  const received: Buffer[] = [];
  const connections: TlsServer['connections'] = [];
  const take = (headers: IncomingHttpHeaders, body: Buffer) => received.push(unpacked(headers, body, protocol));
  const { server, hangUp } = protocol === 'grpc' ? grpc(options, take) : http(options, take);
  server.on('secureConnection', (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate() ?? {};
    connections.push({ asked: socket.servername ?? false, client: subject?.CN as string | undefined });
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    hangUp();
  });
  const { port } = server.address() as AddressInfo;
  const renew = (context: SecureContextOptions) => server.setSecureContext(context);
  return { port, url: `https://127.0.0.1:${port}`, received, connections, renew, hangUp };
}

type Take = (headers: IncomingHttpHeaders, body: Buffer) => void;

function grpc(options: TlsOptions, take: Take): { server: Server; hangUp: () => void } {
  const sessions = new Set<Http2Session>();
  const server = createSecureServer(options);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', async (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    take(headers, Buffer.concat(chunks));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  return { server, hangUp: () => sessions.forEach((session) => void session.close()) };
}

function http(options: TlsOptions, take: Take): { server: Server; hangUp: () => void } {
  const server = createHttpsServer(options, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    take(request.headers, Buffer.concat(chunks));
    response.end();
  });
  return { server, hangUp: () => server.closeIdleConnections() };
}

function unpacked(headers: IncomingHttpHeaders, body: Buffer, protocol: 'grpc' | 'http'): Buffer {
  if (protocol === 'grpc') return body[0] === 1 ? gunzipSync(body.subarray(5)) : body.subarray(5);
  return headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}
