import type { Placed } from '../roster.ts';
import type { FrameWriter } from './frame-writer.ts';
import { ErrorCode, Flag, maxFrameBytes } from './protocol.ts';

/** Who serves a request: told of its body and of its end. Bytes are its to read until it returns. */
export interface StreamHandler {
  data(bytes: Buffer, start: number, end: number): void;
  /** The client has sent everything. */
  end(): void;
  /** The stream is over, with or without an answer; called once. */
  close(): void;
}

/** The connection, as its streams see it. */
export interface StreamHost {
  readonly writer: FrameWriter;
  /** Bytes of DATA that may still be sent on the connection. */
  sendWindow: number;
  /** Bytes of answers that wait for a window, of all streams. */
  waitingBytes: number;
  /** Sends what was written, if nobody will do it anyway. */
  flush(): void;
  /** The stream is over for us, with its whole answer or without. */
  ended(stream: Stream, answered: boolean): void;
}

/** Answers are short and windows wide; a client that asks on and opens none is up to no good. */
const maxWaitingBytes = 256 * 1024;

/**
 * One request and its answer. What an answer writes leaves in order; DATA waits for the client's windows (RFC 9113,
 * 5.2).
 */
export class Stream implements Placed {
  readonly id: number;
  place = -1;
  handler: StreamHandler | undefined = undefined;
  /** Bytes of DATA that came since the client's window was last opened again. */
  unacknowledged = 0;
  /** Bytes of DATA that may still be sent. */
  sendWindow: number;
  /** The client has sent everything. */
  remoteEnded = false;
  headersSent = false;
  /** Nothing can be answered any more: we ended it, it was reset, or its connection is gone. */
  isOver = false;
  /** Bytes of DATA that came, and what content-length announced; -1 = nothing. */
  receivedBytes = 0;
  announcedBytes = -1;
  readonly #host: StreamHost;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #trailers: Uint8Array | undefined = undefined;

  constructor(id: number, sendWindow: number, host: StreamHost) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.#host = host;
  }

  /** Starts an answer with a block of headers; with `end` it is all there is. */
  respond(block: Uint8Array, end = false): void {
    if (this.isOver || this.headersSent) return;
    this.headersSent = true;
    this.#host.writer.headers(this.id, block, end ? Flag.END_STREAM : 0);
    if (end) this.#finish();
    else this.#host.flush();
  }

  write(data: Uint8Array): void {
    if (this.isOver) return;
    for (let at = 0; at < data.length; at += maxFrameBytes) this.#waiting.push(data.subarray(at, at + maxFrameBytes));
    this.#wait(data.length);
    this.pump();
    if (this.#host.waitingBytes > maxWaitingBytes) this.reset(ErrorCode.ENHANCE_YOUR_CALM);
  }

  /** Ends an answer with a block of trailers, behind all that was written. */
  end(trailers: Uint8Array): void {
    if (this.isOver) return;
    this.#trailers = trailers;
    this.pump();
  }

  /** Gives the stream up. */
  reset(code: number): void {
    if (this.isOver) return;
    this.drop();
    this.#host.writer.reset(this.id, code);
    this.#host.ended(this, false);
    this.#host.flush();
  }

  /** It is over without a word. */
  drop(): void {
    this.isOver = true;
    this.#wait(-this.#waitingBytes);
    this.#waiting.length = 0;
  }

  /** Sends of what waits as much as the windows permit. */
  pump(): void {
    if (this.isOver) return;
    const host = this.#host;
    for (let data = this.#waiting[0]; data !== undefined; data = this.#waiting[0]) {
      const bytes = Math.min(data.length, this.sendWindow, host.sendWindow);
      if (bytes <= 0) break;
      host.writer.data(this.id, bytes === data.length ? data : data.subarray(0, bytes));
      this.sendWindow -= bytes;
      host.sendWindow -= bytes;
      this.#wait(-bytes);
      if (bytes === data.length) this.#waiting.shift();
      else this.#waiting[0] = data.subarray(bytes);
    }
    if (this.#waiting.length === 0 && this.#trailers !== undefined) {
      host.writer.headers(this.id, this.#trailers, Flag.END_STREAM);
      this.#finish();
    } else host.flush();
  }

  #wait(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#host.waitingBytes += bytes;
  }

  /** We have said everything; a client that has not need not go on (RFC 9113, 8.1). */
  #finish(): void {
    this.isOver = true;
    if (!this.remoteEnded) this.#host.writer.reset(this.id, ErrorCode.NO_ERROR);
    this.#host.ended(this, true);
    this.#host.flush();
  }
}
