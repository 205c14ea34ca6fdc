import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Encoding } from '../answer.ts';

/** Names to values, as whoever speaks HTTP/2 has them. */
export type ReplyHeaders = Readonly<Record<string, string | number | string[] | undefined>>;

/** What came back of one call, whole or in part. */
export interface Reply {
  /** Undefined where no answer began. */
  readonly head: ReplyHeaders | undefined;
  readonly trailers: ReplyHeaders | undefined;
  /** Length-prefixed, as it came. */
  readonly body: Uint8Array;
  /** Why it ended early, where it did. */
  readonly error: string;
  /** The peer says that it has not looked at it, as after a GOAWAY (RFC 9113 §8.7): it may go again at once. */
  readonly isUnprocessed: boolean;
}

/** Of a response, as the OTLP specification recommends. One that is longer is cut off. */
export const maxResponseBytes = 4 * 1024 * 1024;

export const prefixBytes = 5;

interface Sending {
  /** One after the other they are the message. */
  readonly pieces: readonly Uint8Array[];
  readonly encoding: Encoding;
}

/**
 * Sends one message in one frame, and takes what comes back (grpc/doc/PROTOCOL-HTTP2.md). The message's bytes are lent
 * to the stream, never copied. Always resolves: when the answer is whole, the stream has broken, or `signal` aborts.
 */
export function call(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  { pieces, encoding }: Sending,
  signal: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve) => {
    const stream = session.request({ ...headers });
    const cancel = () => stream.close(constants.NGHTTP2_CANCEL);
    const reply = new ReplyReader(stream);
    const end = () => {
      signal.removeEventListener('abort', cancel);
      if (!stream.writableFinished) stream.close(constants.NGHTTP2_NO_ERROR);
      resolve(reply.whole());
    };
    stream.once('end', end);
    stream.once('close', end);
    signal.addEventListener('abort', cancel);
    stream.cork();
    stream.write(prefix(pieces, encoding));
    for (const bytes of pieces) stream.write(bytes);
    stream.end();
    stream.uncork();
  });
}

/** What stands before a message (PROTOCOL-HTTP2, "Length-Prefixed-Message"). */
export function prefix(pieces: Sending['pieces'], encoding: Sending['encoding']): Uint8Array {
  const bytes = Buffer.alloc(prefixBytes);
  bytes[0] = encoding === 'none' ? 0 : 1;
  bytes.writeUInt32BE(
    pieces.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  return bytes;
}

class ReplyReader {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  #head: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #error = '';

  readonly #stream: ClientHttp2Stream;

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    stream.on('response', (head) => {
      this.#head = head;
    });
    stream.on('trailers', (trailers) => {
      this.#trailers = trailers;
    });
    stream.on('error', ({ message }) => {
      this.#error ||= message;
    });
    stream.on('data', (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      if (this.#length <= maxResponseBytes + prefixBytes) return;
      this.#error = `an answer above ${maxResponseBytes} bytes`;
      stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  whole(): Reply {
    return {
      head: this.#head,
      trailers: this.#trailers,
      body: Buffer.concat(this.#chunks),
      error: this.#error,
      isUnprocessed: this.#head === undefined && this.#stream.rstCode === constants.NGHTTP2_REFUSED_STREAM,
    };
  }
}
