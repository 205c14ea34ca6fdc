import { Refusal } from '../errors.ts';
import { preface } from './http2/frame-scanner.ts';

/** What is said to whoever speaks the protocol of another port: each names the mistake and where to send instead. */
export const httpOnGrpc = new Refusal(
  'http_on_grpc',
  'this port speaks gRPC: OTLP/HTTP goes to the port of receive.http, as shipped 4318',
);
export const grpcOnHttp = new Refusal(
  'grpc_on_http',
  'this port speaks OTLP/HTTP by HTTP/1.1: OTLP/gRPC goes to the port of receive.grpc, as shipped 4317',
);
export const tlsOnPlain = new Refusal('tls_on_plain', 'this port is without TLS: the client begins with a handshake');

/** The line with which a client's HTTP/2 begins; of no HTTP/1 request the method is PRI. */
const http2Line = preface.subarray(0, 'PRI * HTTP/2.0'.length);
const longestMethod = 'OPTIONS '.length;

/** Whether bytes with which a connection begins are the beginning of an HTTP/1 request. */
export const isHttp1 = (bytes: Buffer, length: number): boolean =>
  /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /.test(bytes.toString('latin1', 0, Math.min(length, longestMethod)));

/** Whether they are the beginning of HTTP/2. */
export const isHttp2 = (bytes: Uint8Array): boolean => http2Line.equals(bytes.subarray(0, http2Line.length));
