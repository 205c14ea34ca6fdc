import { Connection } from '../../../src/receive/http2/connection.ts';
import { encodeHeaders } from '../../../src/receive/http2/encode-headers.ts';
import type { Headers } from '../../../src/receive/http2/header-decoder.ts';
import type { Stream } from '../../../src/receive/http2/stream.ts';
import { inWords, preface, readFrames, settings } from './http2-wire.ts';

export const ok = encodeHeaders({ ':status': '200' });
export const trailers = encodeHeaders({ 'grpc-status': '0' });

/** A request as the one who serves it sees it. */
export interface Served {
  readonly stream: Stream;
  readonly headers: Headers;
  body: string;
  ended: boolean;
  closed: number;
}

/** A client at a connection without a socket, with the clock in its hand. */
export class Peer {
  readonly connection: Connection;
  /** Unix milliseconds. */
  now = 1_753_000_000_000;
  readonly served: Served[] = [];
  /** Times that the connection said it is over. */
  finished = 0;
  /** Done with a request when its head has come; and when it is complete. */
  onHead: (served: Served) => unknown = () => {};
  onEnd: (served: Served) => unknown = () => {};
  #sent: Buffer[] = [];

  constructor(...first: readonly Uint8Array[]) {
    this.connection = new Connection({
      serve: (stream, headers) => this.#serve(stream, headers),
      send: (bytes) => void this.#sent.push(bytes),
      finished: () => void this.finished++,
      now: () => this.now,
    });
    if (first.length > 0) this.send(...first);
  }

  /** In one read. */
  send(...frames: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(frames);
    this.connection.read(bytes, bytes.length);
  }

  /** What came since the last call, in words. */
  heard(): string[] {
    return this.frames().map(inWords);
  }

  frames(): ReturnType<typeof readFrames> {
    const sent = Buffer.concat(this.#sent);
    this.#sent = [];
    return readFrames(sent);
  }

  /** How many writes there were since the last call of `heard`. */
  get writes(): number {
    return this.#sent.length;
  }

  #serve(stream: Stream, headers: Headers) {
    const served: Served = { stream, headers, body: '', ended: false, closed: 0 };
    this.served.push(served);
    this.onHead(served);
    return {
      data: (bytes: Buffer, start: number, end: number) => {
        served.body += bytes.toString('latin1', start, end);
      },
      end: () => {
        served.ended = true;
        this.onEnd(served);
      },
      close: () => {
        served.closed++;
      },
    };
  }
}

/** A client that has said hello, and heard it. */
export function greeted(...values: readonly (readonly [setting: number, value: number])[]): Peer {
  const peer = new Peer(preface, settings(...values));
  peer.heard();
  return peer;
}

/** The answer to a call that went well. */
export function answer({ stream }: Served, body = 'hello'): void {
  stream.respond(ok);
  stream.write(Buffer.from(body));
  stream.end(trailers);
}
