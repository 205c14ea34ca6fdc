import type { Reply } from '../../../src/export/grpc/call.ts';
import type { ClientCall } from '../../../src/forward/http2/client-call.ts';
import { ClientConnection } from '../../../src/forward/http2/client-connection.ts';
import { encodeHeaders } from '../../../src/receive/http2/encode-headers.ts';
import { blockOf, type Frame, inWords, preface, readFrames, settings, Type } from '../../receive/support/http2-wire.ts';

export const ok = { ':status': '200' };
export const done = { 'grpc-status': '0' };
export const headBlock = blockOf(ok);
export const doneBlock = blockOf(done);

/** One call as a story sees it. */
interface Told {
  readonly call: ClientCall;
  readonly replies: Reply[];
}

/** The far end of a client's connection, which hears what was sent and says what the story tells it to. */
export class ScriptedServer {
  readonly connection: ClientConnection;
  /** Monotonic milliseconds. */
  now = 0;
  opened = 0;
  finished = 0;
  /** Of writes that the socket still has: called when they are over. */
  writes: (() => void)[] = [];
  /** Whether writes are over at once. */
  isFast = true;
  #sent: Buffer[] = [];
  #isPrefaced = false;

  constructor() {
    this.connection = new ClientConnection({
      send: (pieces, written) => {
        this.#sent.push(...pieces.map((piece) => Buffer.from(piece)));
        if (this.isFast) written();
        else this.writes.push(written);
      },
      opened: () => void this.opened++,
      finished: () => void this.finished++,
      now: () => this.now,
    });
  }

  /** In one read. */
  say(...frames: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(frames);
    this.connection.read(bytes, bytes.length);
  }

  call(...pieces: readonly (string | Uint8Array)[]): Told {
    const replies: Reply[] = [];
    const message = pieces.map((piece) => Buffer.from(piece));
    const call = this.connection.call(encodeHeaders({ ':path': '/' }), message, (reply) => void replies.push(reply));
    return { call, replies };
  }

  frames(): Frame[] {
    let bytes = Buffer.concat(this.#sent);
    this.#sent = [];
    if (!this.#isPrefaced && bytes.subarray(0, preface.length).equals(preface)) {
      this.#isPrefaced = true;
      bytes = bytes.subarray(preface.length);
    }
    return readFrames(bytes);
  }

  /** What came since the last call, in words. */
  heard(): string[] {
    return this.frames().map(inWords);
  }

  /** The message of that stream as far as it has come since the last call, and the frames it came in. */
  message(stream: number): { readonly bytes: Buffer; readonly lengths: number[]; readonly isWhole: boolean } {
    const frames = this.frames().filter((frame) => frame.type === Type.DATA && frame.stream === stream);
    return {
      bytes: Buffer.concat(frames.map(({ payload }) => payload)),
      lengths: frames.map(({ payload }) => payload.length),
      isWhole: frames.some(({ flags }) => (flags & 1) !== 0),
    };
  }
}

/** One that has said its settings, and of which all was heard that came with them. */
export function greeted(...values: readonly (readonly [setting: number, value: number])[]): ScriptedServer {
  const server = new ScriptedServer();
  server.say(settings(...values));
  server.frames();
  return server;
}
