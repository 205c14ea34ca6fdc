import { createServer, type Server, Socket } from 'node:net';

/**
 * As much as a read brings at most: beyond this the system calls saved are few, and the bytes leave the processor's
 * nearer caches.
 */
const readBytes = 128 * 1024;

/**
 * Full reads of one connection at a stretch. The system has megabytes for who sends faster than we read, and libuv
 * would take up to 32 reads of them, milliseconds of work, before it looks at anything else: another connection, or
 * traces that are due.
 */
const readsAtAStretch = 4;

/**
 * Reads of all connections in one round of the event loop; beyond them each has one more at most. Two to three
 * milliseconds' work.
 */
const readsInARound = 8;
let readsSoFar = 0;
const nextRound = (): void => {
  readsSoFar = 0;
};

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
  _handle: { readonly useUserBuffer?: unknown } | null;
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
 * is left to count in its server. Where a Node has no such handles any more, the socket is read the usual way.
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
  let fullReads = 0;
  const resume = (): void => void socket.resume();
  const callback = (length: number, bytes: Uint8Array): boolean => {
    if (readsSoFar++ === 0) setImmediate(nextRound);
    if (!onBytes(bytes as Buffer, length)) return false;
    fullReads = length < readBytes ? 0 : fullReads + 1;
    // After one that is not full libuv looks at the others by itself.
    if (fullReads === 0 || (fullReads < readsAtAStretch && readsSoFar < readsInARound)) return true;
    fullReads = 0;
    setImmediate(resume);
    return false;
  };
  const onread = { buffer: readBuffer, callback };
  const socket = new Socket({ handle, onread, allowHalfOpen: true } as unknown as ConstructorParameters<
    typeof Socket
  >[0]);
  return socket.on('close', () => accepted.destroy());
}
