import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../clock.ts';
import { prefix, type Reply } from '../../export/grpc/call.ts';
import { open, type Route } from '../../export/grpc/session.ts';
import { ClientConnection } from './client-connection.ts';

/** For the end of a connection to be answered. */
const lingerMs = 1_000;

/** What came back of a call, or of one that was given up as its time was over. */
interface TimedReply {
  readonly reply: Reply;
  readonly isLate: boolean;
}

/** A connection to a member, by our own HTTP/2: a call costs a fraction of one by `node:http2`. */
export class MemberConnection extends EventEmitter<{ close: [] }> {
  readonly #socket: Duplex;
  readonly #http2: ClientConnection;

  /** `opened`: the member speaks HTTP/2. */
  constructor(socket: Duplex, opened: () => void) {
    super();
    this.#socket = socket;
    let error = '';
    this.#http2 = new ClientConnection({
      send: (pieces, written) => this.#send(pieces, written),
      opened,
      finished: () => {
        socket.end();
        setTimeout(() => socket.destroy(), lingerMs).unref();
      },
      now: systemClock.monotonicMs,
    });
    socket.on('data', (bytes: Buffer) => this.#http2.read(bytes, bytes.length));
    socket.on('error', ({ message }) => {
      error ||= message;
    });
    socket.on('end', () => socket.destroy());
    socket.once('close', () => {
      this.#http2.lost(error || 'the connection was lost');
      this.emit('close');
    });
  }

  /** It takes no new calls. */
  get closed(): boolean {
    return this.#http2.isClosed || this.destroyed;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  /**
   * One unary call; `headers` as encodeHeaders has them. The bytes of `pieces`, which are the message, are lent until the
   * answer, and beyond it where there is none. Always resolves, in `withinMs` at most.
   */
  call(headers: Uint8Array, pieces: readonly Uint8Array[], withinMs: number): Promise<TimedReply> {
    return new Promise((resolve) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        this.#http2.cancel(call, 'no answer in time');
      }, withinMs).unref();
      const call = this.#http2.call(headers, [prefix(pieces, 'none'), ...pieces], (reply) => {
        clearTimeout(timer);
        resolve({ reply, isLate });
      });
    });
  }

  /** No new calls; it ends when those under way have. */
  close(): void {
    this.#http2.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #send(pieces: readonly Uint8Array[], written: () => void): void {
    const last = pieces.length - 1;
    this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(pieces[i]);
    this.#socket.write(pieces[last], written);
    this.#socket.uncork();
  }
}

/** Ready when the member's SETTINGS have come; rejects with the reason, after `timeoutMs` at the latest. */
export const openMember = (route: Route, timeoutMs: number): Promise<MemberConnection> =>
  open(route, timeoutMs, (socket, limit) => {
    return new Promise((resolve, reject) => {
      const give = (): void => void socket.destroy(limit.reason);
      limit.addEventListener('abort', give);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('it closed the connection before it spoke HTTP/2')));
      const connection: MemberConnection = new MemberConnection(socket, () => {
        limit.removeEventListener('abort', give);
        resolve(connection);
      });
    });
  });
