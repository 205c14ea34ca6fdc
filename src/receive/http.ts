import type { IncomingMessage, OutgoingHttpHeaders, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Refusal } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import { headOf, type RequestHead } from './access.ts';
import type { Sender } from './admission.ts';
import { chunks } from './chunks.ts';
import { closeBy } from './close-by.ts';
import { addressOf, isTls } from './handshakes.ts';
import { answerRaw, farewell, keepAliveMs, refusalAnswer, sendAnswer } from './http/answer.ts';
import { type BodyType, bodyTypeOf, encodingOf, pathOf, tracesPath } from './http/content.ts';
import { Cors } from './http/cors.ts';
import { type Content, Exchange } from './http/exchange.ts';
import { headerOf } from './http/header-of.ts';
import { NodeServer, stay } from './http/node-server.ts';
import { PlainConnection } from './http/plain-connection.ts';
import { listen } from './listen.ts';
import { Listener } from './listener.ts';
import { peerOf } from './peer.ts';
import { maxUnreadBytes, readSocket } from './read-sockets.ts';
import type { Endpoint, HttpReceiver, Ports } from './receiver.ts';
import { refused } from './refused.ts';
import type { ServerCredentials } from './server-credentials.ts';
import { turnedAway } from './turned-away.ts';
import { idleMs, maxRequestMs, Watch } from './watch.ts';
import { grpcOnHttp, isHttp2, tlsOnPlain } from './wrong-port.ts';

interface HttpReceiverOptions extends Ports {
  readonly endpoint: Endpoint;
  /** Pages that may send from a browser; empty = none. */
  readonly cors: { readonly allowedOrigins: readonly string[] };
}

const serverOptions: ServerOptions = {
  keepAliveTimeout: keepAliveMs,
  headersTimeout: 30_000,
  requestTimeout: maxRequestMs + 10_000,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true,
};

/**
 * OTLP/HTTP on node:http, but for plain requests (http/plain-connection.ts). Source: OTLP specification 1.11,
 * "OTLP/HTTP".
 */
export function createHttpReceiver(options: HttpReceiverOptions): HttpReceiver {
  return new NodeHttpReceiver(options);
}

/** Whose requests a connection brings. */
interface Caller {
  readonly sender: Sender;
  readonly head: RequestHead;
}

class NodeHttpReceiver implements HttpReceiver {
  readonly #options: HttpReceiverOptions;
  readonly #cors: Cors;
  readonly #turnedAway: ReturnType<typeof turnedAway>;
  readonly #node: NodeServer;
  readonly #listener: Listener;
  readonly #watch = new Watch((now) => this.#sweep(now));
  readonly #plain = new Map<Socket, PlainConnection>();
  /** Connections that are node:http's. */
  readonly #callers = new WeakMap<Socket, Caller>();
  #draining = false;

  constructor(options: HttpReceiverOptions) {
    this.#options = options;
    this.#turnedAway = turnedAway(options);
    this.#cors = new Cors(options.cors.allowedOrigins);
    this.#node = new NodeServer(
      serverOptions,
      (request, response) => this.#serve(request, response),
      (request, response) => this.#refuse(request, response, tooMany()),
      (accepted) => this.#listener.accept(accepted),
    );
    this.#listener = new Listener(
      {
        protocol: 'http/1.1',
        connections: options.connections,
        secured: (socket) => this.#opened(socket),
        refused: this.#turnedAway,
        farewell,
      },
      options.tls,
    );
    this.#node.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#unreadable(error, socket));
  }

  async start(): Promise<Endpoint> {
    const bound = await listen(this.#node.server, 'receive.http', this.#options.endpoint);
    this.#watch.start();
    return bound;
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    this.#draining = true;
    await closeBy(
      deadlineMs,
      (done) => {
        this.#node.server.close(done);
        this.#listener.close();
        for (const connection of this.#plain.values()) connection.finish();
      },
      () => {
        this.#node.server.closeAllConnections();
        for (const socket of this.#plain.keys()) socket.destroy();
      },
    );
    this.#watch.stop();
  }

  renew(tls: ServerCredentials): void {
    this.#listener.renew(tls);
  }

  #opened(accepted: Socket): void {
    const { connections } = this.#options;
    const onBytes = (bytes: Buffer, length: number): boolean => {
      if (connection.isOver) {
        // It is node:http's, also to say when to read.
        this.#node.read(socket, bytes, length);
        return true;
      }
      // The answers to what one read brings leave in one write.
      socket.cork();
      connection.read(bytes, length);
      socket.uncork();
      return connection.isOver || socket.writableLength <= maxUnreadBytes;
    };
    const socket = readSocket(accepted, onBytes, { flooded: this.#turnedAway });
    const resume = (): void => void socket.resume();
    const ended = (): void => {
      connection.end();
      // Whose connection it became just now has not heard of it.
      if (isNodes) socket.emit('end');
    };
    let isNodes = false;
    // A broken connection is its client's affair.
    const broken = (): void => {};
    const closed = (): void => {
      this.#plain.delete(socket);
      connection.close();
    };
    const connection = new PlainConnection(this.#options, this.#watch, peerOf(socket), {
      send: (answer) => void socket.write(answer),
      finished: () => void socket.end(),
      handOver: (bytes) => {
        this.#plain.delete(socket);
        socket.off('drain', resume).off('end', ended).off('error', broken).off('close', closed);
        isNodes = true;
        this.#node.handOver(socket, bytes);
      },
    });
    this.#plain.set(socket, connection);
    const idleSince = (): number => (isNodes ? this.#node.idleSince(socket) : connection.idleSince);
    const leave = (): void => {
      connection.finish();
      socket.destroySoon();
    };
    if (connections !== undefined) stay(connections, socket, idleSince, leave);
    socket.on('drain', resume).on('end', ended).on('error', broken).on('close', closed);
  }

  #sweep(now: number): void {
    chunks.trim(now);
    for (const [socket, connection] of this.#plain) {
      const silentMs = now - connection.touchedAt;
      // Its end was told that ours is here, and stays open all the same.
      if (connection.isOver && silentMs >= idleMs) socket.destroy();
      else if (connection.isIdle && silentMs >= keepAliveMs) connection.finish();
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const type = bodyTypeOf(request.headers['content-type']);
    if (this.#cors.isPreflight(request)) response.writeHead(204, this.#cors.preflightHeaders(request)).end();
    else this.#take(request, response, type);
  }

  /** Whoever may not send is told no more than that. */
  #take(request: IncomingMessage, response: ServerResponse, type: BodyType | undefined): void {
    const caller = this.#callerOf(request);
    const intake = this.#admit(request, caller.head);
    const content = intake instanceof Refusal ? intake : this.#contentOf(request, type);
    const headers = (): OutgoingHttpHeaders => this.#headersFor(request);
    const tenant = intake instanceof Refusal ? undefined : intake.tenant;
    if (content instanceof Refusal) this.#refuse(request, response, content, { type, tenant });
    else new Exchange(response, content, headers, this.#options, this.#watch, caller.sender, intake).read(request);
  }

  #admit(request: IncomingMessage, head: RequestHead): Intake | Refusal {
    const { access } = this.#options;
    head.authorization = headerOf(request, 'authorization');
    head.tenant = access.tenantHeader === undefined ? undefined : headerOf(request, access.tenantHeader);
    return access.admit(head);
  }

  #callerOf({ socket }: IncomingMessage): Caller {
    const known = this.#callers.get(socket);
    if (known !== undefined) return known;
    const peer = peerOf(socket);
    const caller = { sender: { heldBytes: 0, peer }, head: headOf(peer) };
    this.#callers.set(socket, caller);
    return caller;
  }

  /** Asked when the answer leaves: a drain may have begun since the request came. */
  #headersFor(request: IncomingMessage): OutgoingHttpHeaders {
    const headers = this.#cors.headers(request.headers.origin);
    return this.#draining ? { ...headers, connection: 'close' } : headers;
  }

  #contentOf(request: IncomingMessage, type: BodyType | undefined): Content | Refusal {
    const path = pathOf(request.url ?? '');
    if (path !== tracesPath) return new Refusal('not_found', `nothing at ${path}: traces go to ${tracesPath}`);
    if (request.method !== 'POST') return new Refusal('wrong_method', `${request.method}: traces are sent by POST`);
    if (type === undefined) return unsupportedType(request.headers['content-type']);
    const encoding = encodingOf(request.headers['content-encoding']);
    if (encoding === undefined) return unsupportedEncoding(request.headers['content-encoding']);
    return { type, encoding };
  }

  /** In JSON where it is not known what type the sender reads. */
  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    refusal: Refusal,
    { type, tenant = '' }: { type?: BodyType | undefined; tenant?: string | undefined } = {},
  ): void {
    const { peer } = this.#callerOf(request).head;
    refused(this.#options, refusal, { peer, tenant });
    sendAnswer(response, refusalAnswer(type, refusal), this.#headersFor(request));
  }

  /** What came is not HTTP, or its head did not come in time. */
  #unreadable(error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }, socket: Duplex): void {
    if (error.code === 'ECONNRESET') return;
    if (error.code === endInTheMiddle && this.#node.isAnsweredEarly(socket as Socket)) {
      socket.destroy();
      return;
    }
    const { rawPacket = nothing } = error;
    const foreign = isHttp2(rawPacket) ? grpcOnHttp : isTls(rawPacket) ? tlsOnPlain : undefined;
    if (foreign !== undefined) {
      this.#turnedAway(foreign.reason, foreign.message, addressOf(socket as Socket));
      // In HTTP/1 to all: a gRPC client that was told our settings would come again at once, and forget the reason.
      answerRaw(socket, 400, foreign);
      return;
    }
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const refusal = late
      ? new Refusal('timeout', 'the request did not arrive in time')
      : new Refusal('malformed', error.code === endInTheMiddle ? 'the request was cut short' : 'not an HTTP request');
    refused(this.#options, refusal, { peer: peerOf(socket as Socket) });
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : late ? 408 : 400;
    answerRaw(socket, status, refusal);
  }
}

const nothing = new Uint8Array(0);

/** Of node:http's parser: the connection ended within a request. */
const endInTheMiddle = 'HPE_INVALID_EOF_STATE';

const tooMany = (): Refusal =>
  new Refusal('calls_full', 'too many requests of this connection wait for their answer: read some first');

function unsupportedType(type: string | undefined): Refusal {
  return new Refusal(
    'unsupported_type',
    `content type ${type ?? 'missing'}: use application/x-protobuf or application/json`,
  );
}

function unsupportedEncoding(encoding: string | undefined): Refusal {
  return new Refusal('unsupported_encoding', `content encoding ${encoding}: use gzip, deflate, zstd or none`);
}
