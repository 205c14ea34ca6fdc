import { request as requestByTls } from 'node:https';
import type { Duplex } from 'node:stream';
import { request } from '../../node-http.ts';
import { hostOf, portOf, proxyAuthorization } from '../../proxy.ts';

/**
 * A connection to `authority` (host:port, which the proxy looks up) through `proxy`, by CONNECT (RFC 9110 §9.3.6).
 * Rejects with what the proxy answered instead, or when `signal` aborts.
 */
export function openTunnel(proxy: URL, authority: string, signal: AbortSignal): Promise<Duplex> {
  const authorization = proxyAuthorization(proxy);
  const asking = (proxy.protocol === 'https:' ? requestByTls : request)({
    ...{ host: hostOf(proxy), port: portOf(proxy), method: 'CONNECT', path: authority, agent: false, signal },
    headers: { host: authority, ...(authorization && { 'proxy-authorization': authorization }) },
  });
  return new Promise((resolve, reject) => {
    asking.once('error', (error) => reject(new Error(`proxy ${proxy.host}: ${error.message}`)));
    asking.once('connect', ({ statusCode = 0, statusMessage }, socket, head) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(new Error(`proxy ${proxy.host} answered CONNECT ${authority} with ${statusCode} ${statusMessage}`));
        return;
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asking.end();
  });
}
