import type { z } from 'zod';
import { block, list, listenEndpoint, notYet, oneOf, size, text } from '../options.ts';

const grpc = block({
  endpoint: listenEndpoint().prefault('127.0.0.1:4317').describe('where OTLP/gRPC is received'),
  server: oneOf('http2', 'grpc-js').prefault('http2').describe('the receiver: its own on node:http2, or @grpc/grpc-js'),
  tls: notYet(),
  auth: notYet(),
});

const cors = block({
  allowed_origins: list(text(/^\S+$/, 'an origin such as https://shop.example, or *'))
    .prefault([])
    .describe('browser pages that may send: origins, or "*"'),
});

const http = block({
  endpoint: listenEndpoint().prefault('127.0.0.1:4318').describe('where OTLP/HTTP is received, at /v1/traces'),
  cors: cors.prefault({}),
  tls: notYet(),
  auth: notYet(),
});

/** `receive:`. A protocol without a block is off. */
export const receiveOptions = block({
  grpc: grpc.optional(),
  http: http.optional(),
  max_request_bytes: size('1KiB', '1GiB').prefault('64MiB').describe('largest request, after decompression'),
  max_inflight_bytes: size('1KiB', '64GiB')
    .prefault('256MiB')
    .describe('bytes of requests being read at one time; above it senders are told to try again'),
})
  .superRefine((raw, context) => {
    if (!raw.grpc && !raw.http) {
      context.addIssue({ code: 'custom', message: 'nothing would listen: expected a grpc or an http block' });
    }
    if (raw.max_request_bytes > raw.max_inflight_bytes) {
      const message = 'smaller than max_request_bytes: expected at least as much';
      context.addIssue({ code: 'custom', path: ['max_inflight_bytes'], message });
    }
  })
  .transform((raw) => ({
    ...(raw.grpc && { grpc: { endpoint: raw.grpc.endpoint, server: raw.grpc.server } }),
    ...(raw.http && { http: { endpoint: raw.http.endpoint, cors: { allowedOrigins: raw.http.cors.allowed_origins } } }),
    maxRequestBytes: raw.max_request_bytes,
    maxInflightBytes: raw.max_inflight_bytes,
  }));

export type ReceiveConfig = z.output<typeof receiveOptions>;
