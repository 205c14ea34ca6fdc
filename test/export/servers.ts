import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';

/** What a test's server got. */
export interface Received {
  readonly body: Buffer;
  readonly headers: Record<string, unknown>;
}

/** A google.rpc.Status with a message and, where given, RetryInfo. */
export function rpcStatus(message: string, retryDelayMs?: number): Buffer {
  const writer = new Writer();
  writer.string(2, message);
  if (retryDelayMs !== undefined) {
    const any = writer.open(3);
    writer.string(1, 'type.googleapis.com/google.rpc.RetryInfo');
    const info = writer.open(2);
    const duration = writer.open(1);
    writer.tag(1, 0);
    writer.varint(Math.floor(retryDelayMs / 1000));
    writer.tag(2, 0);
    writer.varint((retryDelayMs % 1000) * 1e6);
    writer.close(duration);
    writer.close(info);
    writer.close(any);
  }
  return Buffer.from(writer.finish());
}

/** An ExportTraceServiceResponse with a partial success. */
export function partialSuccess(rejectedSpans: number, message: string): Buffer {
  const writer = new Writer();
  const partial = writer.open(1);
  writer.tag(1, 0);
  writer.varint(rejectedSpans);
  writer.string(2, message);
  writer.close(partial);
  return Buffer.from(writer.finish());
}

/** A failure as grpc-js' server takes it, with RetryInfo where a delay is given. */
export function grpcFailure(code: number, details: string, retryDelayMs?: number): ServerErrorResponse {
  const metadata = new Metadata();
  if (retryDelayMs !== undefined) metadata.set('grpc-status-details-bin', rpcStatus(details, retryDelayMs));
  return Object.assign(new Error(details), { code, details, metadata });
}

export type GrpcAnswer = Buffer | ServerErrorResponse | 'never';

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const same = (bytes: Buffer) => bytes;

/** A real OTLP/gRPC server on the loopback; it ends with the test. */
export async function grpcServer(answer: (received: Received, nth: number) => GrpcAnswer, port = 0) {
  const received: Received[] = [];
  const cancelled: number[] = [];
  const server = new Server();
  const method = { path, requestStream: false, responseStream: false } as const;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const service = { Export: { ...method, ...codec } };
  server.addService(service, {
    Export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      received.push({ body: call.request, headers: call.metadata.getMap() });
      const nth = received.length;
      call.on('cancelled', () => cancelled.push(nth));
      const said = answer(received.at(-1)!, received.length);
      if (Buffer.isBuffer(said)) done(null, said);
      else if (said !== 'never') done(said);
    },
  });
  const bind = promisify(server.bindAsync.bind(server));
  const bound = await bind(`127.0.0.1:${port}`, ServerCredentials.createInsecure());
  const stop = () => server.forceShutdown();
  onTestFinished(stop);
  return { port: bound, url: `http://127.0.0.1:${bound}`, received, cancelled, stop };
}

export type HttpHandler = (request: IncomingMessage, response: ServerResponse, received: Received) => void;

/** What came, without its compression. */
export function unpacked(bytes: Buffer, encoding: unknown): Buffer {
  if (encoding === 'zstd') return zstdDecompressSync(bytes);
  return encoding === 'gzip' ? gunzipSync(bytes) : bytes;
}

/** A real HTTP server on the loopback that unpacks gzip and zstd; it ends with the test. */
export async function httpServer(handler: HttpHandler, port = 0) {
  const received: Received[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer(async (request, response) => {
    requests.push(request);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const body = unpacked(raw, request.headers['content-encoding']);
    received.push({ body, headers: request.headers });
    handler(request, response, received.at(-1)!);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as AddressInfo).port;
  const stop = () => {
    server.closeAllConnections();
    return promisify(server.close.bind(server))().catch(() => {});
  };
  onTestFinished(() => stop());
  return { port: bound, url: `http://127.0.0.1:${bound}`, received, requests, stop };
}
