import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { systemClock } from '../clock.ts';
import { Refusal, type RefusalReason } from '../errors.ts';
import { type ConnectionLimit, type Guest, turnAway } from './connection-limit.ts';
import { showed } from './peer.ts';
import { type ServerCredentials, secureContextOf } from './server-credentials.ts';
import { subjectOf } from './subject.ts';

/** How long a handshake may take, whatever its client sends meanwhile. */
const handshakeMs = 10_000;
/**
 * Handshakes of a listener under way at one time, a tenth of a megabyte each; where it may have few connections a quarter
 * of those.
 */
const mostHandshakes = 256;

export interface HandshakeRim {
  /** What is spoken above TLS: of clients that name protocols, one must name this (ALPN). */
  readonly protocol: 'h2' | 'http/1.1';
  readonly connections: ConnectionLimit | undefined;
  /** The handshake went well, and the client is one that may come in. */
  readonly secured: (socket: TLSSocket) => void;
  /** Counts, and says to the operator, why a connection came to nothing. */
  readonly refused: (reason: RefusalReason, why: string, address: string) => void;
  /** What the client is told, in the protocol. */
  readonly farewell: (refusal: Refusal) => Uint8Array;
}

interface Handshake extends Guest {
  readonly dueAt: number;
  readonly address: string;
  /** What came, until it is its turn. */
  readonly came: Buffer[];
  cameBytes: number;
  readonly spoke: () => void;
}

/** The part of a TLS socket that Node keeps to itself: the connection below it. */
interface Inside {
  readonly _parent: Socket;
}

/** As the system has it; empty when the connection is gone. */
export const addressOf = ({ remoteAddress = '' }: Socket): string => remoteAddress;

/** Beyond that nothing is read before the handshake begins; a first word has less. */
const mostCameBytes = 16 * 1024;

/** Turns of the event loop at a stretch in which connections come, and no handshake is begun. */
const mostTurnsLeft = 3;

const wentAway = 'the client went away';

/** The first byte of a TLS record that holds a handshake (RFC 8446, 5.1). */
const handshakeRecord = 22;

/** Whether bytes with which a connection begins are the beginning of a TLS handshake. */
export const isTls = (bytes: Uint8Array): boolean => bytes.length > 1 && bytes[0] === handshakeRecord && bytes[1] === 3;

/**
 * The handshakes of a listener. Each ends in time; beyond as many as may be under way the oldest goes, so that who opens
 * thousands and says nothing keeps nobody out who is done in a few round trips. Nothing is set up before a client has
 * spoken, and then one a turn of the event loop: the arithmetic of a handshake takes a millisecond, and who is in
 * already shall not wait for a crowd at the door. Whoever waits for that is read on, so that nothing is done for who has
 * gone meanwhile. A connection counts from its first moment, as one that goes first.
 */
export class Handshakes {
  readonly #rim: HandshakeRim;
  readonly #server: Server;
  readonly #needsCertificate: boolean;
  readonly #withinMs: number;
  readonly #most: number;
  /** Oldest first. */
  readonly #underWay = new Map<Socket, Handshake>();
  /** Have spoken, are still there, and wait for their turn; first come first served. */
  readonly #spoken = new Map<Socket, Handshake>();
  #isNextDue = false;
  /** A connection came in this turn of the event loop; turns in which one did, and nothing else was done. */
  #isCrowded = false;
  #turnsLeft = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(credentials: ServerCredentials, rim: HandshakeRim, withinMs = handshakeMs) {
    this.#rim = rim;
    this.#needsCertificate = credentials.clientCa !== undefined;
    this.#withinMs = withinMs;
    this.#most = Math.ceil(Math.min(mostHandshakes, (rim.connections?.max ?? Number.POSITIVE_INFINITY) / 4));
    this.#server = createServer({
      ...secureContextOf(credentials),
      ALPNProtocols: [rim.protocol],
      // Who shows a wrong one, or none, is told so; node:tls would cut the connection without a word.
      requestCert: this.#needsCertificate,
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#broken(error as NodeJS.ErrnoException, socket));
  }

  /** From now on; connections that are open stay as they are. */
  renew(credentials: ServerCredentials): void {
    this.#server.setSecureContext(secureContextOf(credentials));
  }

  /** Of a connection that was accepted, and that nobody reads. */
  begin(accepted: Socket): void {
    const [oldest] = this.#underWay.keys();
    if (this.#underWay.size >= this.#most) this.#fail(oldest, 'tls_full', 'too many handshakes under way');
    const handshake: Handshake = {
      place: -1,
      idleSince: Number.NEGATIVE_INFINITY,
      dueAt: systemClock.monotonicMs() + this.#withinMs,
      address: addressOf(accepted),
      came: [],
      cameBytes: 0,
      spoke: () => this.#spoke(accepted, handshake),
      leave: () => accepted.destroy(),
    };
    this.#isCrowded = true;
    this.#underWay.set(accepted, handshake);
    this.#rim.connections?.add(handshake);
    accepted.on('error', () => {}).on('close', () => this.#left(accepted, handshake));
    accepted.on('readable', handshake.spoke).on('end', handshake.leave);
    this.#timer ??= setTimeout(this.#expire, this.#withinMs).unref();
  }

  /** Ends all that are under way: nobody in them has asked for anything. */
  close(): void {
    clearTimeout(this.#timer);
    for (const accepted of this.#underWay.keys()) {
      this.#forget(accepted);
      accepted.destroy();
    }
  }

  #left(accepted: Socket, { cameBytes }: Handshake): void {
    // Whoever only looks whether the port is open has said nothing.
    if (cameBytes > 0) this.#fail(accepted, 'tls_failed', wentAway, false);
    else this.#forget(accepted);
  }

  #spoke(accepted: Socket, handshake: Handshake): void {
    const bytes = accepted.read() as Buffer | null;
    // Its end has come, of which it is told next.
    if (bytes === null) return;
    const { came } = handshake;
    came.push(bytes);
    handshake.cameBytes += bytes.length;
    if (handshake.cameBytes > mostCameBytes) accepted.off('readable', handshake.spoke);
    if (came.length > 1) return;
    if (bytes[0] === handshakeRecord) this.#wait(accepted, handshake);
    else this.#plain(accepted, handshake);
  }

  /** Until the end that came with its first bytes has been read as well, and those before it have had their turn. */
  #wait(accepted: Socket, handshake: Handshake): void {
    this.#spoken.set(accepted, handshake);
    if (this.#isNextDue) return;
    this.#isNextDue = true;
    setImmediate(() => setImmediate(this.#next));
  }

  readonly #next = (): void => {
    if (!this.#leavesTurn()) this.#beginNext();
    this.#isNextDue = this.#spoken.size > 0;
    if (this.#isNextDue) setImmediate(this.#next);
  };

  #beginNext(): void {
    for (const [accepted, handshake] of this.#spoken) {
      this.#spoken.delete(accepted);
      stopListening(accepted, handshake);
      // Who ends its half in the middle of a handshake has left; behind it, it may be half open.
      accepted.allowHalfOpen = false;
      accepted.unshift(Buffer.concat(handshake.came.splice(0)));
      this.#server.emit('connection', accepted);
      return;
    }
  }

  /** Whether this turn is for connections that come: libuv accepts one a turn, and its queue is a short one. */
  #leavesTurn(): boolean {
    const isLeft = this.#isCrowded && this.#turnsLeft < mostTurnsLeft;
    this.#turnsLeft = isLeft ? this.#turnsLeft + 1 : 0;
    this.#isCrowded = false;
    return isLeft;
  }

  #plain(accepted: Socket, handshake: Handshake): void {
    this.#forget(accepted);
    stopListening(accepted, handshake);
    const refusal = new Refusal('plain_on_tls', 'this port is for TLS: the client spoke without');
    this.#rim.refused(refusal.reason, refusal.message, addressOf(accepted));
    turnAway(accepted, this.#rim.farewell(refusal));
  }

  #secured(socket: TLSSocket): void {
    const accepted = (socket as unknown as Inside)._parent;
    if (!this.#forget(accepted)) return;
    accepted.allowHalfOpen = true;
    socket.allowHalfOpen = true;
    if (!this.#needsCertificate) {
      this.#rim.secured(socket);
      return;
    }
    const certificate = socket.getPeerCertificate();
    const hasShown = certificate?.raw !== undefined;
    // Node 24.4 calls whoever resumes a session of TLS 1.3 authorized, though no certificate was shown in it.
    if (socket.authorized && hasShown) {
      showed(socket, subjectOf(certificate));
      this.#rim.secured(socket);
      return;
    }
    const why = hasShown ? String(socket.authorizationError) : 'it showed none';
    const refusal = new Refusal(
      'client_certificate',
      `a client certificate that this gateway trusts is needed: ${why}`,
    );
    this.#rim.refused(refusal.reason, refusal.message, addressOf(socket));
    turnAway(socket, this.#rim.farewell(refusal));
  }

  /** What is no handshake, or has nothing in common with us, or ended in its middle. node:tls has told the client. */
  #broken(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket): void {
    const why = error.code === 'ECONNRESET' ? wentAway : (error.reason ?? error.code ?? 'no handshake');
    this.#fail((socket as unknown as Inside)._parent, 'tls_failed', why, false);
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const now = systemClock.monotonicMs();
    for (const [accepted, { dueAt }] of this.#underWay) {
      if (now < dueAt) {
        this.#timer = setTimeout(this.#expire, dueAt - now).unref();
        return;
      }
      this.#fail(accepted, 'tls_timeout', `no handshake within ${this.#withinMs / 1000} s`);
    }
  };

  #fail(accepted: Socket, reason: RefusalReason, why: string, isOurs = true): void {
    const { address = '' } = this.#underWay.get(accepted) ?? {};
    if (!this.#forget(accepted)) return;
    this.#rim.refused(reason, why, address);
    if (isOurs) accepted.destroy();
  }

  /** False where it is not under way any more. */
  #forget(accepted: Socket): boolean {
    const handshake = this.#underWay.get(accepted);
    if (handshake === undefined) return false;
    this.#rim.connections?.delete(handshake);
    this.#spoken.delete(accepted);
    return this.#underWay.delete(accepted);
  }
}

/** From now on the connection is somebody else's. */
function stopListening(accepted: Socket, { spoke, leave }: Handshake): void {
  accepted.off('readable', spoke).off('end', leave);
}
