import { createServer, type Server, Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import type { RefusalReason } from '../errors.ts';
import { EmptyRecords } from './empty-records.ts';
import { addressOf } from './handshakes.ts';
import { sameClient } from './peer.ts';
import { type Lane, type OnBytes, Reading, senders } from './reading.ts';

const emptyRecords = new EmptyRecords(systemClock.monotonicMs);

/**
 * A client that does not read its answers is not read either. More than a socket's high-water mark, so that it says
 * when it has drained.
 */
export const maxUnreadBytes = 256 * 1024;

/** The part of an accepted socket that Node keeps to itself. */
interface Inside {
  /** The connection below a TLS socket. */
  readonly _parent?: Socket | null;
  _handle: Handle | null;
}

interface Handle extends Partial<TlsHandle> {
  readonly useUserBuffer?: unknown;
  _consumed?: boolean;
  /** What its socket believes, and what it is told to do. */
  reading: boolean;
  readStop(): number;
}

/** What a TLS connection's handle tells its socket, which must be node:tls' own, of a second handshake. */
interface TlsHandle {
  onhandshakestart: () => void;
  onhandshakedone: () => void;
}

/** A server whose sockets nobody reads yet, see `readSocket`. The client's end of a connection is not ours. */
export function createSocketServer(onSocket: (accepted: Socket) => void): Server {
  const options = {
    allowHalfOpen: true,
    pauseOnConnect: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
  };
  return createServer(options, onSocket);
}

type Flooded = (reason: RefusalReason, why: string, address: string) => void;

export interface ReadOptions {
  /** Whose reads it waits for; those of senders where nothing is said. */
  readonly lane?: Lane;
  /** Told why a connection is ended that brings no data (empty-records.ts). */
  readonly flooded?: Flooded;
}

/**
 * Begins to read an accepted socket; returns the one to write to. Only a socket's constructor takes a buffer to read
 * into (`onread`), and accepted ones are constructed by Node, hence a second socket on the handle of the first, which
 * is left to count in its server. Of a TLS socket, whose handshake is over, it is the same; each read is a record. Where a
 * Node has no such handles any more, the socket is read the usual way.
 */
export function readSocket(accepted: Socket, onBytes: OnBytes, { lane = senders, flooded }: ReadOptions = {}): Socket {
  const inside = accepted as unknown as Inside;
  const handle = inside._handle;
  if (typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Buffer) => onBytes(chunk, chunk.length) || accepted.pause());
    // It was accepted paused, and a listener alone does not change that.
    return accepted.resume();
  }
  inside._handle = null;
  const reading = new Reading(onBytes, lane, {
    stop: () => stop(socket),
    resume: () => void (socket.isPaused() || socket.resume()),
  });
  const socket = new Socket({ handle, onread: reading, allowHalfOpen: true } as unknown as ConstructorParameters<
    typeof Socket
  >[0]);
  if (handle.onhandshakestart !== undefined) handle.onhandshakestart = handle.onhandshakedone = () => socket.destroy();
  ours.add(socket);
  sameClient(accepted, socket);
  reading.open();
  watchRecords(accepted, socket, reading, flooded);
  return socket.on('close', () => {
    reading.close();
    emptyRecords.delete(reading);
    accepted.destroy();
  });
}

/** What Node does to a socket that is paused, but for the word: whoever asks whether it was, hears of others' pauses. */
function stop(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as Inside;
  if (handle?.reading !== true) return false;
  handle.reading = false;
  handle.readStop();
  return true;
}

/** Where it came through TLS, which keeps to itself what is no data. */
function watchRecords(accepted: Socket, socket: Socket, reading: Reading, flooded?: Flooded): void {
  const { _parent: below } = accepted as unknown as Inside;
  if (below === undefined || below === null) return;
  emptyRecords.add(reading, {
    wireBytes: () => below.bytesRead,
    dataBytes: () => reading.bytes,
    reads: () => reading.reads,
    end: () => {
      if (!socket.destroyed)
        flooded?.('tls_flood', 'more TLS records without data than any client needs', addressOf(socket));
      socket.destroy();
    },
  });
}

/**
 * Before node:http gets a socket: whether its bytes come from `onBytes`, which is to emit them as `data`. node:http
 * would read from the handle, past us, if the handle did not say that somebody does already.
 */
export function passesOn(socket: Socket): boolean {
  if (!ours.has(socket)) return false;
  const { _handle: handle } = socket as unknown as Inside;
  if (handle !== null) handle._consumed = true;
  return true;
}

/** Sockets that we read. */
const ours = new WeakSet<Socket>();
