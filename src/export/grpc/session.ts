import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { hostOf, portOf } from '../../proxy.ts';
import type { Security } from '../security.ts';

/** TCP asks a silent peer after so long whether it is there; HTTP/2 pings would be too many for grpc-go's servers. */
const keepAliveMs = 30_000;

/** Where a connection goes. */
export interface Route {
  readonly endpoint: URL;
  /** One of the endpoint's host, or the host itself. */
  readonly address: string;
  readonly proxy: URL | null;
  /** Where the endpoint is https:. */
  readonly security: Security | null;
}

/**
 * Opens HTTP/2 to an address of the endpoint's host, or through a proxy, which looks the host up itself. With https: in
 * TLS. Ready when the peer's SETTINGS have come, so that something that only takes connections does not count. Rejects
 * with the reason, after `timeoutMs` at the latest.
 */
export function openSession(route: Route, timeoutMs: number): Promise<ClientHttp2Session> {
  const settings = { enablePush: false };
  return open(route, timeoutMs, (socket, limit) => {
    const session = connectHttp2(route.endpoint.origin, { createConnection: () => socket, settings });
    return ready(session, limit, timeoutMs);
  });
}

/** The same for whoever else speaks HTTP/2: `speak` resolves when the peer's SETTINGS have come, and ends with `limit`. */
export async function open<S>(
  route: Route,
  timeoutMs: number,
  speak: (socket: Duplex, limit: AbortSignal) => Promise<S>,
): Promise<S> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return await speak(await openSocket(route, limit), limit);
  } catch (error) {
    if (error === limit.reason) throw silent(timeoutMs);
    throw route.security?.explained(error) ?? error;
  }
}

const silent = (timeoutMs: number) => new Error(`no HTTP/2 from it within ${timeoutMs} ms`);

async function openSocket({ endpoint, address, proxy, security }: Route, limit: AbortSignal): Promise<Duplex> {
  const port = portOf(endpoint);
  const tunnel = proxy && (await (await import('./tunnel.ts')).openTunnel(proxy, authorityOf(endpoint), limit));
  if (security === null) {
    return tunnel ?? connectTcp({ host: address, port, noDelay: true, keepAlive: true, ...probes });
  }
  const over = tunnel ? { socket: tunnel } : { host: address, port, ...probes };
  const socket = await security.connect({ host: hostOf(endpoint), over, protocol: 'h2', signal: limit });
  return socket.setNoDelay().setKeepAlive(true, keepAliveMs);
}

const probes = { keepAliveInitialDelay: keepAliveMs };

/** host:port, as gRPC's own clients send it in :authority. */
export const authorityOf = (endpoint: URL): string => `${endpoint.hostname}:${portOf(endpoint)}`;

function ready(session: ClientHttp2Session, limit: AbortSignal, timeoutMs: number): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const give = () => session.destroy(silent(timeoutMs));
    limit.addEventListener('abort', give);
    session.on('error', reject);
    session.once('close', () => reject(new Error('it closed the connection before it spoke HTTP/2')));
    session.once('remoteSettings', () => {
      limit.removeEventListener('abort', give);
      resolve(session);
    });
  });
}
