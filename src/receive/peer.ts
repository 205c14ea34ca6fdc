import type { Socket } from 'node:net';

/** Of a client's certificate that was verified: what it says of whose it is. */
export interface Subject {
  /** The subject's common name; empty where it has none. */
  readonly commonName: string;
  /** Its alternative names, as `DNS:shop.test`, `URI:spiffe://test/shop`, `IP Address:10.0.0.7`, `email:a@b.test`. */
  readonly names: readonly string[];
}

/** Who is at the other end of a connection. */
export interface Peer {
  /** As the system has it: digits, e.g. `10.0.0.7` or `fe80::1`; empty when the connection is gone. */
  readonly address: string;
  /** Where it showed a certificate, and was asked to. */
  readonly subject?: Subject;
}

/** Of connections whose client showed its certificate. */
const subjects = new WeakMap<Socket, Subject>();

/** The address is looked up when somebody asks: it costs a system call. */
export function peerOf(socket: Socket): Peer {
  const subject = subjects.get(socket);
  return {
    get address() {
      return socket.remoteAddress ?? '';
    },
    ...(subject && { subject }),
  };
}

export function showed(socket: Socket, subject: Subject): void {
  subjects.set(socket, subject);
}

/** `next` takes the place of `socket`, at the same client's connection. */
export function sameClient(socket: Socket, next: Socket): void {
  const subject = subjects.get(socket);
  if (subject !== undefined) subjects.set(next, subject);
}
