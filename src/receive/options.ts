import * as v from 'valibot';
import { authOptions, isUnreachable, unreachable } from '../access/options.ts';
import { block, count, list, listenEndpoint, oneOf, serverTls, size, text } from '../options.ts';
import { tenantsOptions } from './tenants/options.ts';

const grpc = block({
  endpoint: v.pipe(v.optional(listenEndpoint(), '127.0.0.1:4317'), v.description('where OTLP/gRPC is received')),
  server: v.pipe(
    v.optional(oneOf('http2', 'grpc-js'), 'http2'),
    v.description('the receiver: its own HTTP/2, or @grpc/grpc-js'),
  ),
  tls: v.optional(serverTls()),
  auth: v.optional(authOptions('receive')),
});

const cors = block({
  allowed_origins: v.pipe(
    v.optional(list(text(/^\S+$/, 'an origin such as https://shop.example, or *')), []),
    v.description('browser pages that may send: origins, or "*"'),
  ),
});

const http = block({
  endpoint: v.pipe(
    v.optional(listenEndpoint(), '127.0.0.1:4318'),
    v.description('where OTLP/HTTP is received, at /v1/traces'),
  ),
  cors: v.optional(cors, {}),
  tls: v.optional(serverTls()),
  auth: v.optional(authOptions('receive')),
});

interface Listening {
  readonly host: string;
  readonly port: number;
}

/** Would they be one socket? Other names of one address are found out when they are listened at. */
const isSamePort = (a: Listening, b: Listening): boolean =>
  a.port !== 0 && a.port === b.port && (a.host === b.host || isAny(a.host) || isAny(b.host));
const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';

type Tls = v.InferOutput<ReturnType<typeof serverTls>>;

/** A protocol's own, or that of both; `block` is where it stands in the boot file. */
function tlsOf(protocol: string, own: Tls | undefined, shared: Tls | undefined) {
  if (own) return { tls: { ...own, block: `receive.${protocol}.tls` } };
  return shared && { tls: { ...shared, block: 'receive.tls' } };
}

/** `receive:`. A protocol without a block is off. */
export const receiveOptions = v.pipe(
  block({
    grpc: v.optional(grpc),
    http: v.optional(http),
    tls: v.optional(serverTls()),
    auth: v.optional(authOptions('receive')),
    tenants: v.optional(tenantsOptions),
    max_connections: v.pipe(
      v.optional(count(1, 1_000_000), 10_000),
      v.description(
        'open connections of each protocol, and no more than the limit of open files permits; at it, idle ones go',
      ),
    ),
    max_request_bytes: v.pipe(
      v.optional(size('1KiB', '1GiB'), '64MiB'),
      v.description('largest request, after decompression'),
    ),
    max_span_bytes: v.pipe(
      v.optional(size('1KiB', '64MiB'), '4MiB'),
      v.description('largest span; a larger one is left out as invalid, since one is read, and written, in one go'),
    ),
    max_envelope_bytes: v.pipe(
      v.optional(size('1KiB', '16MiB'), '256KiB'),
      v.description('largest resource or scope; spans in a larger one are left out as invalid'),
    ),
    max_inflight_bytes: v.pipe(
      v.optional(size('1KiB', '64GiB'), '256MiB'),
      v.description(
        'memory of requests being read at one time; above it senders are told to try again; where nothing is set, 10 % of the container’s limit if it has one, 64MiB to 256MiB',
      ),
    ),
    max_connection_bytes: v.pipe(
      v.optional(size('1KiB', '64GiB')),
      v.description('the same of one connection; a quarter of max_inflight_bytes, at least max_request_bytes'),
    ),
  }),
  v.check((raw) => Boolean(raw.grpc || raw.http), 'nothing would listen: expected a grpc or an http block'),
  v.forward(
    v.check(
      (raw) => raw.max_request_bytes <= raw.max_inflight_bytes,
      'smaller than max_request_bytes: expected at least as much',
    ),
    ['max_inflight_bytes'],
  ),
  v.forward(
    v.check(
      (raw) => !raw.grpc || !raw.http || !isSamePort(raw.grpc.endpoint, raw.http.endpoint),
      'the port of receive.grpc: expected one of its own',
    ),
    ['http', 'endpoint'],
  ),
  v.forward(
    v.check((raw) => !raw.grpc || !isUnreachable(raw.grpc.auth ?? raw.auth, raw.grpc.tls ?? raw.tls), unreachable),
    ['grpc'],
  ),
  v.forward(
    v.check((raw) => !raw.http || !isUnreachable(raw.http.auth ?? raw.auth, raw.http.tls ?? raw.tls), unreachable),
    ['http'],
  ),
  v.transform((raw) => ({
    ...(raw.auth && { auth: raw.auth }),
    ...(raw.grpc && {
      grpc: {
        endpoint: raw.grpc.endpoint,
        server: raw.grpc.server,
        ...(raw.grpc.auth && { auth: raw.grpc.auth }),
        ...tlsOf('grpc', raw.grpc.tls, raw.tls),
      },
    }),
    ...(raw.http && {
      http: {
        endpoint: raw.http.endpoint,
        cors: { allowedOrigins: raw.http.cors.allowed_origins },
        ...(raw.http.auth && { auth: raw.http.auth }),
        ...tlsOf('http', raw.http.tls, raw.tls),
      },
    }),
    ...(raw.tenants && { tenants: raw.tenants }),
    maxConnections: raw.max_connections,
    maxRequestBytes: raw.max_request_bytes,
    maxEnvelopeBytes: raw.max_envelope_bytes,
    maxSpanBytes: raw.max_span_bytes,
    maxInflightBytes: raw.max_inflight_bytes,
    maxConnectionBytes: raw.max_connection_bytes ?? Math.max(raw.max_inflight_bytes / 4, raw.max_request_bytes),
  })),
);
