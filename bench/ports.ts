import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

/** A connection for `protocol`; with TLS where `ca`, in PEM, is whom the server is believed by. */
export function dial(port: number, protocol: 'h2' | 'http/1.1', ca?: string): Socket {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  return ca === undefined
    ? socket
    : connectSecurely({ socket, ca, servername: 'localhost', ALPNProtocols: [protocol] });
}

/** Resolves when something listens there; rejects after 20 s. */
export async function reachable(port: number): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await connects(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
