import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../../clock.ts';
import { createServer } from '../../node-http.ts';
import type { ConnectionLimit, Guest } from '../connection-limit.ts';
import { passesOn, type ReadOptions, readSocket } from '../read-sockets.ts';

/**
 * Requests of a connection that wait for their answer; one more, and it is refused and the connection ends. Nobody whom
 * we know sends a second one before the answer to the first.
 */
const maxUnanswered = 32;

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A server of node:http whose connections we read (read-sockets.ts). By itself it reads 64 KiB, and parses and serves
 * every request in them in one go: a second and more for requests of 26 bytes.
 */
export class NodeServer {
  readonly server: Server;
  /** What node:http does with a connection. */
  readonly #toNode: (socket: Socket) => void;
  readonly #pipelines = new WeakMap<Socket, Pipeline>();

  /** `refuse` answers the request that is one too many; `accepted` has each connection that nobody reads yet. */
  constructor(options: ServerOptions, serve: Serve, refuse: Serve, accepted: (socket: Socket) => void) {
    this.server = createServer(options, (request, response) => {
      const pipeline = this.#pipelines.get(request.socket);
      if (pipeline === undefined || pipeline.takes(request, response)) serve(request, response);
      else if (pipeline.isOverNow()) refuse(request, response.setHeader('connection', 'close'));
    });
    const [toNode] = this.server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    this.#toNode = toNode.bind(this.server);
    this.server.removeAllListeners('connection');
    this.server.on('connection', accepted);
    // node:http does not pass the option on.
    (this.server as { pauseOnConnect?: boolean }).pauseOnConnect = true;
  }

  /** From now on the connection is node:http's, beginning with these bytes, which are its to keep. */
  handOver(socket: Socket, bytes?: Buffer): void {
    if (passesOn(socket)) this.#pipelines.set(socket, new Pipeline());
    this.#toNode(socket);
    if (bytes !== undefined) socket.emit('data', bytes);
  }

  /** Takes `length` bytes of a connection that was handed over. */
  read(socket: Socket, bytes: Buffer, length: number): void {
    const pipeline = this.#pipelines.get(socket);
    if (pipeline?.isOver === false) socket.emit('data', Buffer.from(bytes.subarray(0, length)));
  }

  /** Since when a connection that was handed over has had no request under way; Infinity while it has one. */
  idleSince(socket: Socket): number {
    return this.#pipelines.get(socket)?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  /** Whether a request was answered before its body came: what is left of it nobody need send. */
  isAnsweredEarly(socket: Socket): boolean {
    return this.#pipelines.get(socket)?.isAnsweredEarly === true;
  }

  /** From now on the connection, which nobody reads, is node:http's. */
  take(accepted: Socket, connections: ConnectionLimit, options: ReadOptions): void {
    const read = (bytes: Buffer, length: number): boolean => {
      this.read(socket, bytes, length);
      return true;
    };
    const socket = readSocket(accepted, read, options);
    this.handOver(socket);
    stay(
      connections,
      socket,
      () => this.idleSince(socket),
      () => socket.destroy(),
    );
  }
}

/** Counts a connection until it closes. */
export function stay(limit: ConnectionLimit, socket: Socket, idleSince: () => number, leave: () => void): void {
  const guest: Guest = {
    place: -1,
    get idleSince() {
      return idleSince();
    },
    leave,
  };
  limit.add(guest);
  socket.on('close', () => limit.delete(guest));
}

/** The requests of one connection that are not answered yet. */
class Pipeline {
  /** One was too many: what follows is not read, and not answered. */
  isOver = false;
  #unanswered = 0;
  #last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined = undefined;
  #idleSince = systemClock.monotonicMs();

  get idleSince(): number {
    return this.#unanswered === 0 ? this.#idleSince : Number.POSITIVE_INFINITY;
  }

  /** Its last request was answered though its body had not come. */
  get isAnsweredEarly(): boolean {
    return this.#last?.request.complete === false && this.#last.response.writableEnded;
  }

  /** Whether a request is served. */
  takes(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.isOver || this.#unanswered === maxUnanswered) return false;
    this.#last = { request, response };
    this.#unanswered++;
    response.on('close', () => {
      this.#unanswered--;
      this.#idleSince = systemClock.monotonicMs();
    });
    return true;
  }

  /** Whether the request that was not taken is the first such. */
  isOverNow(): boolean {
    const isFirst = !this.isOver;
    this.isOver = true;
    return isFirst;
  }
}
