import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { distrust, explanation, noProtocol, type TlsNames } from './complaint.ts';
import { connectionOptions, type TlsClient } from './files.ts';

/** What is wrong with a connection in TLS, and what to do about it. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
}

interface Destination {
  /** What the certificate must be for, where `client` names nothing else: a name or an address. */
  readonly host: string;
  /** What the bytes go over: a socket that is connected already, or an address. */
  readonly over: Pick<ConnectionOptions, 'socket' | 'host' | 'port'>;
  /** ALPN (RFC 7301). A server that says nothing of it is taken to speak it. */
  readonly protocol: 'h2' | 'http/1.1';
  readonly signal: AbortSignal;
}

/**
 * TLS to a server that has proved who it is; nothing was written before. Rejects with what is wrong and what to do about
 * it, in words that name settings by `names`.
 */
export function connectTls(
  client: TlsClient,
  names: TlsNames,
  { host, over, protocol, signal }: Destination,
): Promise<TLSSocket> {
  const socket = connect({
    ...over,
    ...connectionOptions(client, host),
    ALPNProtocols: [protocol],
    // Judged below, while the certificate can still be read for the message.
    rejectUnauthorized: false,
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      reject(error);
      socket.destroy();
    };
    const abort = (): void => fail(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    socket.on('error', (error) => fail(tlsError(error, client, names)));
    socket.once('secureConnect', () => {
      const why = whyNot(socket, host, { client, names, protocol });
      if (why !== '') return fail(new TlsError(why));
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

function whyNot(
  socket: TLSSocket,
  host: string,
  { client, names, protocol }: { client: TlsClient; names: TlsNames; protocol: string },
): string {
  if (client.verify && !socket.authorized) {
    const code = String(socket.authorizationError ?? 'unknown');
    return distrust(code, socket.getPeerCertificate(true), { name: client.serverName ?? host, client, names });
  }
  const agreed = socket.alpnProtocol || (protocol === 'h2' ? '' : protocol);
  return agreed === protocol ? '' : noProtocol;
}

/** The same error, with words that say what to do where it is TLS's. */
export function tlsError(error: unknown, client: TlsClient, names: TlsNames): unknown {
  const text = explanation(error, client, names);
  return text === undefined ? error : new TlsError(text, { cause: error });
}
