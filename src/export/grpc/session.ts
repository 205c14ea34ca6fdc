import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { hostOf, portOf } from '../../proxy.ts';

/** TCP asks a silent peer after so long whether it is there; HTTP/2 pings would be too many for grpc-go's servers. */
const keepAliveMs = 30_000;

/**
 * Opens HTTP/2 to `address`, an address of the endpoint's host, or through `proxy`, which looks the host up itself.
 * With https: in TLS, by Node's trusted certificates, for the host's name or address. Ready when the peer's SETTINGS
 * have come, so that something that only takes connections does not count. Rejects with the reason, after `timeoutMs`
 * at the latest.
 */
export async function openSession(
  endpoint: URL,
  address: string,
  proxy: URL | null,
  timeoutMs: number,
): Promise<ClientHttp2Session> {
  const limit = AbortSignal.timeout(timeoutMs);
  const socket = await openSocket(endpoint, address, proxy, limit);
  const session = connectHttp2(endpoint.origin, { createConnection: () => socket, settings: { enablePush: false } });
  return ready(session, socket, limit, timeoutMs);
}

async function openSocket(endpoint: URL, address: string, proxy: URL | null, limit: AbortSignal): Promise<Duplex> {
  const host = hostOf(endpoint);
  const port = portOf(endpoint);
  const tunnel = proxy && (await (await import('./tunnel.ts')).openTunnel(proxy, authorityOf(endpoint), limit));
  if (endpoint.protocol === 'http:') {
    return tunnel ?? connectTcp({ host: address, port, noDelay: true, keepAlive: true, ...probes });
  }
  // An address is no server name (RFC 6066 §3); the certificate is held against `host` then.
  const named = isIP(host) ? {} : { servername: host };
  const tls = { ...named, ALPNProtocols: ['h2'] };
  if (tunnel) return connectTls({ ...tls, socket: tunnel, host });
  return connectTls({ ...tls, host: address, port, ...probes })
    .setNoDelay()
    .setKeepAlive(true, keepAliveMs);
}

const probes = { keepAliveInitialDelay: keepAliveMs };

/** host:port, as gRPC's own clients send it in :authority. */
export const authorityOf = (endpoint: URL): string => `${endpoint.hostname}:${portOf(endpoint)}`;

function ready(
  session: ClientHttp2Session,
  socket: Duplex,
  limit: AbortSignal,
  timeoutMs: number,
): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const give = () => session.destroy(new Error(`no HTTP/2 from it within ${timeoutMs} ms`));
    limit.addEventListener('abort', give);
    session.on('error', reject);
    session.once('close', () => reject(new Error('it closed the connection before it spoke HTTP/2')));
    session.once('connect', () => {
      if (endpointSpeaks(socket) === false) session.destroy(new Error('it speaks TLS, but no HTTP/2 in it (ALPN)'));
    });
    session.once('remoteSettings', () => {
      limit.removeEventListener('abort', give);
      resolve(session);
    });
  });
}

/** Whether HTTP/2 was agreed on in TLS; undefined where there is none. */
const endpointSpeaks = (socket: Duplex): boolean | undefined =>
  'encrypted' in socket ? (socket as TLSSocket).alpnProtocol === 'h2' : undefined;
