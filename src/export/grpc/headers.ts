import { validateHeaderName, validateHeaderValue } from '../../node-http.ts';
import { authorityOf } from './session.ts';

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** What HTTP/2 and gRPC set themselves, or know nothing of. */
const ours =
  /^(?:grpc-.*|te|content-type|content-length|host|connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/;

/**
 * The request headers of a call without compression (grpc/doc/PROTOCOL-HTTP2.md, "Requests"). Throws for a header that
 * gRPC does not allow; the value of one that ends in `-bin` is base64.
 */
export function requestHeaders(
  endpoint: URL,
  custom: Readonly<Record<string, string>>,
  timeoutMs: number,
): Record<string, string> {
  return {
    ':method': 'POST',
    ':scheme': endpoint.protocol.slice(0, -1),
    ':path': path,
    ':authority': authorityOf(endpoint),
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': 'tailgate',
    'grpc-accept-encoding': 'identity,gzip,zstd',
    'grpc-timeout': `${Math.ceil(timeoutMs)}m`,
    ...Object.fromEntries(Object.entries(custom).map(([name, value]) => metadata(name, value))),
  };
}

function metadata(name: string, value: string): [string, string] {
  const key = name.toLowerCase();
  validateHeaderName(name);
  if (ours.test(key)) throw new Error(`header "${name}" belongs to the protocol and cannot be set`);
  if (!/^[0-9a-z_.-]+$/.test(key)) throw new Error(`header "${name}" is not one that gRPC allows`);
  if (!key.endsWith('-bin')) {
    validateHeaderValue(name, value);
    if (!/^[\x20-\x7e]*$/.test(value)) throw new Error(`header "${name}": gRPC takes printable ASCII only`);
    return [key, value];
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw new Error(`header "${name}" ends in -bin: expected base64`);
  return [key, value.replace(/=+$/, '')];
}
