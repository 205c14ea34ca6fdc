import { maxResponseBytes, prefixBytes, type Reply } from '../../export/grpc/call.ts';
import type { Headers } from '../../receive/http2/header-decoder.ts';

/** One call under way: what of its message is still to be sent, and what has come back. */
export class ClientCall {
  /** Of its stream; 0 = it has not begun. */
  id = 0;
  /** Bytes of DATA that may still be sent. */
  sendWindow = 0;
  /** Bytes of the message that were not sent yet. */
  leftBytes: number;
  /** Bytes of DATA that came since the server's window was last opened again. */
  unacknowledged = 0;
  head: Headers | undefined = undefined;
  trailers: Headers | undefined = undefined;
  isTold = false;
  /** Encoded, as encodeHeaders has it. */
  readonly headers: Uint8Array;
  /** One after the other they are the message, with its prefix. */
  readonly #pieces: readonly Uint8Array[];
  readonly #told: (reply: Reply) => void;
  #piece = 0;
  #at = 0;
  readonly #chunks: Uint8Array[] = [];
  #receivedBytes = 0;
  /** Writes that may still read bytes of the message. */
  #writes = 0;
  #isWhole = false;

  constructor(headers: Uint8Array, pieces: readonly Uint8Array[], told: (reply: Reply) => void) {
    this.headers = headers;
    this.#pieces = pieces;
    this.#told = told;
    this.leftBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /** Adds the next `bytes` of the message to `to`, as they lie. */
  next(bytes: number, to: Uint8Array[]): void {
    this.leftBytes -= bytes;
    while (bytes > 0) {
      const piece = this.#pieces[this.#piece];
      const length = Math.min(bytes, piece.length - this.#at);
      if (length > 0) to.push(piece.subarray(this.#at, this.#at + length));
      bytes -= length;
      this.#at += length;
      if (this.#at < piece.length) continue;
      this.#piece++;
      this.#at = 0;
    }
  }

  /** Bytes of the message are being written; `written` once they are. */
  writing(): void {
    this.#writes++;
  }

  written(): void {
    this.#writes--;
    if (this.#isWhole) this.end();
  }

  /** Data of the answer; false where it is too much. */
  take(bytes: Buffer, start: number, end: number): boolean {
    this.#receivedBytes += end - start;
    if (this.#receivedBytes > maxResponseBytes + prefixBytes) return false;
    this.#chunks.push(Uint8Array.prototype.slice.call(bytes, start, end));
    return true;
  }

  /** The answer is whole, and is told when nobody reads the message's bytes any more. */
  end(): void {
    this.#isWhole = true;
    if (this.#writes === 0) this.#tellWhole();
  }

  /** There is no more of an answer; `isUnprocessed`: the server has not looked at it. */
  fail(error: string, isUnprocessed = this.id === 0): void {
    if (this.#isWhole) this.#tellWhole();
    else if (this.#writes > 0) this.#forgetAnswer();
    this.#tell(error, isUnprocessed);
  }

  /** Nobody waits any more. */
  abandon(why: string): void {
    this.#forgetAnswer();
    this.#tell(why, false);
  }

  /** It says nothing as long as the message's bytes may still be read. */
  #forgetAnswer(): void {
    this.head = undefined;
    this.trailers = undefined;
  }

  /** One to half a message is of no worth: nobody has taken the rest. */
  #tellWhole(): void {
    this.#tell(this.leftBytes > 0 ? 'an answer to a part of the message' : '', false);
  }

  #tell(error: string, isUnprocessed: boolean): void {
    if (this.isTold) return;
    this.isTold = true;
    const { head, trailers } = this;
    this.#told({ head, trailers, body: Buffer.concat(this.#chunks), error, isUnprocessed });
  }
}
