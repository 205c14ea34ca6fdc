import type { Socket } from 'node:net';

/** Who is at the other end of a connection. */
export interface Peer {
  /** As the system has it: digits, e.g. `10.0.0.7` or `fe80::1`; empty when the connection is gone. */
  readonly address: string;
}

/** Looked up when somebody asks: it costs a system call. */
export function peerOf(socket: Socket): Peer {
  return {
    get address() {
      return socket.remoteAddress ?? '';
    },
  };
}
