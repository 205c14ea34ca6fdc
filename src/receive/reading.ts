import { systemClock } from '../clock.ts';
import { ReadRounds } from './read-rounds.ts';
import { WaitingReads } from './waiting-reads.ts';

/**
 * As much as a read brings at most: beyond this the system calls saved are few, and the bytes leave the processor's
 * nearer caches. A batch of an SDK, 512 spans in 230 KB, mostly comes with one: what comes with two is copied once more
 * (pieces.ts).
 */
const mostReadBytes = 256 * 1024;
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

/** Connections whose reads wait for each other, and for nobody else's. */
export interface Lane {
  readonly rounds: ReadRounds;
  readonly waiting: WaitingReads;
  /** A read brings no more. */
  readonly readBytes: number;
}

const MiB = 1024 * 1024;

/** There is one event loop a thread, so there is one of each. A largest read of each of 128 connections may wait. */
export const senders: Lane = {
  rounds: roundsOfThread(),
  waiting: new WaitingReads(32 * MiB),
  readBytes: mostReadBytes,
};
/** Of the admin port: who asks how the gateway is shall hear of it, however many send. */
export const operators: Lane = { rounds: roundsOfThread(), waiting: new WaitingReads(MiB), readBytes: firstReadBytes };

function roundsOfThread(): ReadRounds {
  return new ReadRounds(systemClock.monotonicMs, threadCpuMs, setImmediate);
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * What all connections of this thread are read into, one after the other: whoever is told of the bytes has used them
 * when it returns. So nothing is allocated for a read; Node's own way, a buffer of 64 KiB for each, made half of the
 * garbage that there was to collect (docs/performance.md).
 */
const readBuffer = Buffer.allocUnsafeSlow(mostReadBytes);

/** Takes `length` bytes; false stops the reading until `resume` of the socket. */
export type OnBytes = (bytes: Buffer, length: number) => boolean;

/** Of a socket, what its reading needs. */
interface ReadSocket {
  /** Stops what is being read; false where nothing was. It can be told from a pause, which somebody wanted. */
  stop(): boolean;
  /** Unless somebody paused it. */
  resume(): void;
}

/** How one connection is read: Node's `onread`. */
export class Reading {
  readonly #onBytes: OnBytes;
  readonly #lane: Lane;
  readonly #socket: ReadSocket;
  #size = firstReadBytes;
  #wasSize = 0;
  #fullReads = 0;
  /** So far, and what they brought. */
  reads = 0;
  bytes = 0;
  /** What was read and has to wait for a round. */
  #waiting: Buffer | undefined = undefined;

  constructor(onBytes: OnBytes, lane: Lane, socket: ReadSocket) {
    this.#onBytes = onBytes;
    this.#lane = lane;
    this.#socket = socket;
  }

  /** From now on it may be told to stop: its socket is there. */
  open(): void {
    this.#lane.waiting.add(this);
  }

  /** The connection is gone, and what waits is nobody's. */
  close(): void {
    this.#lane.waiting.delete(this);
  }

  stop(): boolean {
    return this.#socket.stop() && this.#waiting === undefined;
  }

  goOn(): void {
    if (this.#waiting === undefined) this.#socket.resume();
  }

  /** Asked for after each read: what the next one goes to, where that is another one. */
  readonly buffer = (): Buffer | undefined => {
    if (this.#size === this.#wasSize) return undefined;
    this.#wasSize = this.#size;
    return readBuffer.subarray(0, this.#size);
  };

  /** Told of a read; false ends the reading until it is resumed. */
  readonly callback = (length: number): boolean => {
    const { rounds, waiting } = this.#lane;
    this.reads++;
    this.bytes += length;
    if (rounds.isSpent || this.#waiting !== undefined) {
      this.#wait(length);
      return false;
    }
    // After a read that is not full libuv looks at the others by itself.
    const isFull = length === this.#size;
    // Who resumes a connection, because it has read its answers, does not know that nobody is read at present.
    if (!this.#serve(readBuffer, length) || !waiting.mayRead(this)) return false;
    this.#fullReads = isFull ? this.#fullReads + 1 : 0;
    if (this.#fullReads === 0 || (this.#fullReads < readsAtAStretch && !rounds.isLong)) return true;
    this.#fullReads = 0;
    setImmediate(this.#resume);
    return false;
  };

  readonly #resume = (): void => {
    if (this.#lane.waiting.mayRead(this)) this.goOn();
  };

  #serve(bytes: Buffer, length: number): boolean {
    const { rounds, readBytes } = this.#lane;
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
    if (isFirst) this.#lane.rounds.wait(this.#serveWaiting);
    this.#lane.waiting.keep(this, length);
  }

  readonly #serveWaiting = (): void => {
    const bytes = this.#waiting as Buffer;
    this.#waiting = undefined;
    // Before it is served: then it is its request's, and claimed.
    this.#lane.waiting.serve(bytes.length);
    if (this.#serve(bytes, bytes.length)) this.#resume();
  };
}
