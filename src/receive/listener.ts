import type { Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import { Refusal } from '../errors.ts';
import { turnAway } from './connection-limit.ts';
import { addressOf, type HandshakeRim, Handshakes } from './handshakes.ts';
import type { ServerCredentials } from './server-credentials.ts';

interface ListenerRim extends HandshakeRim {
  /** A connection, in plain or behind its handshake, that nobody reads. */
  readonly secured: (socket: Socket) => void;
}

/** TLS has no word for "try again later"; of those that a server may say before its first, this is the least wrong. */
const internalErrorAlert = Buffer.of(21, 3, 3, 0, 2, 2, 80);

/**
 * What comes in at a port, plain or through TLS: whether there is room for it, then the handshake, then it is the
 * receiver's.
 */
export class Listener {
  readonly #rim: ListenerRim;
  readonly #handshakes: Handshakes | undefined;

  constructor(rim: ListenerRim, tls: ServerCredentials | undefined, handshakeMs?: number) {
    this.#rim = rim;
    this.#handshakes = tls && new Handshakes(tls, rim, handshakeMs);
  }

  /** A connection that a server accepted, paused. */
  accept(accepted: Socket): void {
    const { connections, refused, farewell, secured } = this.#rim;
    if (connections?.hasRoom(systemClock.monotonicMs()) === false) {
      const refusal = new Refusal('connections_full', 'too many connections: try again later');
      refused(refusal.reason, refusal.message, addressOf(accepted));
      turnAway(accepted, this.#handshakes === undefined ? farewell(refusal) : internalErrorAlert);
    } else if (this.#handshakes === undefined) secured(accepted);
    else this.#handshakes.begin(accepted);
  }

  /** Other certificates, for connections that come from now on. */
  renew(tls: ServerCredentials): void {
    this.#handshakes?.renew(tls);
  }

  /** Nothing comes any more. */
  close(): void {
    this.#handshakes?.close();
  }
}
