import { createServer, type Server, Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import { EmptyRecords } from './empty-records.ts';
import { sameClient } from './peer.ts';
import { ReadRounds } from './read-rounds.ts';
import { WaitingReads } from './waiting-reads.ts';

/**
 * As much as a read brings at most: beyond this the system calls saved are few, and the bytes leave the processor's
 * nearer caches. A batch of an SDK, 512 spans in 230 KB, mostly comes with one: what comes with two is copied once more
 * (pieces.ts).
 */
const readBytes = 256 * 1024;
/** The first read of a connection, of which nobody knows yet what it costs; and the least one. */
const firstReadBytes = 16 * 1024;
const leastReadBytes = 2 * 1024;
/** A read that costs more is followed by one of half its length; while two of them would not, they grow again. */
const longReadMs = 4;

/**
 * Full reads of one connection at a stretch. The system has megabytes for who sends faster than we read, and libuv
 * would take up to 32 reads of them, milliseconds of work, before it looks at anything else: another connection, or
 * traces that are due.
 */
const readsAtAStretch = 4;

/** There is one event loop a thread, so there is one of these. */
const rounds = new ReadRounds(systemClock.monotonicMs, threadCpuMs, setImmediate);
export const waitingReads = new WaitingReads();
const emptyRecords = new EmptyRecords();

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * What all connections of this thread are read into, one after the other: whoever is told of the bytes has used them
 * when it returns. So nothing is allocated for a read; Node's own way, a buffer of 64 KiB for each, made half of the
 * garbage that there was to collect (docs/performance.md).
 */
const readBuffer = Buffer.allocUnsafeSlow(readBytes);

/**
 * A client that does not read its answers is not read either. More than a socket's high-water mark, so that it says
 * when it has drained.
 */
export const maxUnreadBytes = 256 * 1024;

/** Takes `length` bytes; false stops the reading until `resume` of the socket. */
export type OnBytes = (bytes: Buffer, length: number) => boolean;

/** The part of an accepted socket that Node keeps to itself. */
interface Inside {
  /** The connection below a TLS socket. */
  readonly _parent?: Socket | null;
  _handle: ({ readonly useUserBuffer?: unknown; _consumed?: boolean } & Partial<TlsHandle>) | null;
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

/**
 * Begins to read an accepted socket; returns the one to write to. Only a socket's constructor takes a buffer to read
 * into (`onread`), and accepted ones are constructed by Node, hence a second socket on the handle of the first, which
 * is left to count in its server. Of a TLS socket, whose handshake is over, it is the same; each read is a record. Where a Node has no such handles any more, the socket is read the usual way.
 */
export function readSocket(accepted: Socket, onBytes: OnBytes): Socket {
  const inside = accepted as unknown as Inside;
  const handle = inside._handle;
  if (typeof handle?.useUserBuffer !== 'function') {
    accepted.on('data', (chunk: Buffer) => onBytes(chunk, chunk.length) || accepted.pause());
    // It was accepted paused, and a listener alone does not change that.
    return accepted.resume();
  }
  inside._handle = null;
  const reading = new Reading(onBytes, {
    resume: () => void socket.resume(),
    pause: () => void socket.pause(),
  });
  const socket = new Socket({ handle, onread: reading, allowHalfOpen: true } as unknown as ConstructorParameters<
    typeof Socket
  >[0]);
  if (handle.onhandshakestart !== undefined) handle.onhandshakestart = handle.onhandshakedone = () => socket.destroy();
  ours.add(socket);
  sameClient(accepted, socket);
  waitingReads.add(reading);
  watchRecords(accepted, socket, reading);
  return socket.on('close', () => {
    reading.close();
    emptyRecords.delete(reading);
    accepted.destroy();
  });
}

/** Where it came through TLS, which keeps to itself what is no data. */
function watchRecords(accepted: Socket, socket: Socket, reading: Reading): void {
  const { _parent: below } = accepted as unknown as Inside;
  if (below === undefined || below === null) return;
  emptyRecords.add(reading, {
    wireBytes: () => below.bytesRead,
    dataBytes: () => reading.bytes,
    reads: () => reading.reads,
    end: () => void socket.destroy(),
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

/** How one connection is read: Node's `onread`. */
class Reading {
  readonly #onBytes: OnBytes;
  readonly #socket: { resume(): void; pause(): void };
  #size = firstReadBytes;
  #wasSize = 0;
  #fullReads = 0;
  /** So far, and what they brought. */
  reads = 0;
  bytes = 0;
  /** What was read and has to wait for a round. */
  #waiting: Buffer | undefined = undefined;

  constructor(onBytes: OnBytes, socket: { resume(): void; pause(): void }) {
    this.#onBytes = onBytes;
    this.#socket = socket;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  stop(): void {
    this.#socket.pause();
  }

  goOn(): void {
    this.#socket.resume();
  }

  /** The connection is gone, and what waits is nobody's. */
  close(): void {
    waitingReads.delete(this);
  }

  /** Asked for after each read: what the next one goes to, where that is another one. */
  readonly buffer = (): Buffer | undefined => {
    if (this.#size === this.#wasSize) return undefined;
    this.#wasSize = this.#size;
    return readBuffer.subarray(0, this.#size);
  };

  /** Told of a read; false ends the reading until it is resumed. */
  readonly callback = (length: number): boolean => {
    this.reads++;
    this.bytes += length;
    if (rounds.isSpent || this.#waiting !== undefined) {
      this.#wait(length);
      return false;
    }
    // After a read that is not full libuv looks at the others by itself.
    const isFull = length === this.#size;
    if (!this.#serve(readBuffer, length)) return false;
    this.#fullReads = isFull ? this.#fullReads + 1 : 0;
    if (this.#fullReads === 0 || (this.#fullReads < readsAtAStretch && !rounds.isLong)) return true;
    this.#fullReads = 0;
    setImmediate(this.#resume);
    return false;
  };

  /** As long as too much waits, whoever is done is not read either; the others' end brings it back. */
  readonly #resume = (): void => {
    if (waitingReads.mayRead) this.#socket.resume();
  };

  #serve(bytes: Buffer, length: number): boolean {
    const begun = rounds.begin();
    const goesOn = this.#onBytes(bytes, length);
    const tookMs = rounds.end(begun, length);
    if (tookMs > longReadMs) this.#size = Math.max(leastReadBytes, this.#size / 2);
    else if (length >= this.#size && 2 * tookMs < longReadMs) this.#size = Math.min(readBytes, this.#size * 2);
    return goesOn;
  }

  /** Keeps a copy, and is not read meanwhile. */
  #wait(length: number): void {
    const copy = Buffer.from(readBuffer.subarray(0, length));
    const isFirst = this.#waiting === undefined;
    // Whoever resumes us meanwhile brings one read more.
    this.#waiting = this.#waiting === undefined ? copy : Buffer.concat([this.#waiting, copy]);
    if (isFirst) rounds.wait(this.#serveWaiting);
    waitingReads.keep(length);
  }

  readonly #serveWaiting = (): void => {
    const bytes = this.#waiting as Buffer;
    this.#waiting = undefined;
    // Before it is served: then it is its request's, and claimed.
    waitingReads.keep(-bytes.length);
    if (this.#serve(bytes, bytes.length)) this.#resume();
  };
}
