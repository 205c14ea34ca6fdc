import type { Server, Socket } from 'node:net';
import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import { headOf, type RequestHead } from '../access.ts';
import { chunks } from '../chunks.ts';
import { closeBy } from '../close-by.ts';
import type { Guest } from '../connection-limit.ts';
import { addressOf, isTls } from '../handshakes.ts';
import { farewell } from '../http/answer.ts';
import { Connection } from '../http2/connection.ts';
import { FrameWriter } from '../http2/frame-writer.ts';
import type { Headers } from '../http2/header-decoder.ts';
import { ErrorCode } from '../http2/protocol.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import { listen } from '../listen.ts';
import { Listener } from '../listener.ts';
import { type Peer, peerOf } from '../peer.ts';
import { createSocketServer, maxUnreadBytes, readSocket } from '../read-sockets.ts';
import { ReadUnderWay } from '../read-under-way.ts';
import type { Endpoint, GrpcReceiver, GrpcReceiverOptions } from '../receiver.ts';
import { refused } from '../refused.ts';
import type { ServerCredentials } from '../server-credentials.ts';
import { turnedAway } from '../turned-away.ts';
import { idleMs, maxRequestMs, Watch } from '../watch.ts';
import { httpOnGrpc, isHttp1, tlsOnPlain } from '../wrong-port.ts';
import { answerHttp, answerRefusal } from './answer.ts';
import { type CallHost, ExportCall } from './export-call.ts';
import type { CallKeeper } from './kept-calls.ts';
import { exchangePath, exportPath, methodNeeds } from './services.ts';
import { SideCalls } from './side-calls.ts';

/** Connections are asked to reconnect now and then, so that replicas added later get their share. */
const maxConnectionAgeMs = 30 * 60_000;
/** A connection that has not said by then that it speaks HTTP/2 never will. */
const silentMs = 30_000;
/** What the calls of a connection are served with. */
type Caller = CallHost & CallKeeper & { readonly head: RequestHead };

const nobody: StreamHandler = { data: () => {}, end: () => {}, close: () => {} };

interface Opened extends Guest {
  readonly peer: Peer;
  readonly connection: Connection;
  readonly openedAt: number;
  readonly renewAt: number;
  /** When whatever is left of it is cut off, once it was asked to go. */
  cutAt: number;
  /** How far it was when it last got further, or had nothing begun. */
  progress: number;
  progressAt: number;
}

/** OTLP/gRPC on our own HTTP/2: the default. Protocol: grpc/doc/PROTOCOL-HTTP2.md. */
export class Http2Receiver implements GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  readonly #server: Server;
  readonly #turnedAway: ReturnType<typeof turnedAway>;
  readonly #listener: Listener;
  readonly #sideCalls: SideCalls;
  readonly #watch: Watch;
  readonly #open = new Map<Socket, Opened>();
  readonly #read = new ReadUnderWay();

  constructor(options: GrpcReceiverOptions) {
    this.#options = options;
    this.#turnedAway = turnedAway(options);
    this.#watch = new Watch((now) => this.#sweep(now));
    this.#sideCalls = new SideCalls(options, this.#watch);
    this.#listener = new Listener(
      {
        protocol: 'h2',
        connections: options.connections,
        secured: (socket) => this.#opened(socket),
        refused: this.#turnedAway,
        farewell: goodbye,
      },
      options.tls,
    );
    this.#server = createSocketServer((accepted) => this.#listener.accept(accepted));
  }

  async start(): Promise<Endpoint> {
    const bound = await listen(this.#server, this.#options.where ?? 'receive.grpc', this.#options.endpoint);
    this.#watch.start();
    return bound;
  }

  /** Each client gets a GOAWAY that names the last call it will have an answer to; it sends the others elsewhere. */
  async stopReceiving(deadlineMs: number): Promise<void> {
    this.#sideCalls.close();
    await closeBy(
      deadlineMs,
      (done) => {
        this.#server.close(done);
        this.#listener.close();
        for (const { connection } of this.#open.values()) connection.goAway();
      },
      () => this.#cut(),
    );
    this.#watch.stop();
  }

  #cut(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  renew(tls: ServerCredentials): void {
    this.#listener.renew(tls);
  }

  #opened(accepted: Socket): void {
    const { connections } = this.#options;
    const openedAt = systemClock.monotonicMs();
    const onBytes = (bytes: Buffer, length: number): boolean => {
      if (!connection.isOpen) isTlsHere ||= isTls(bytes);
      if (!connection.isOpen && socket.writable && isHttp1(bytes, length)) this.#sendAway(socket, connection);
      connection.read(bytes, length);
      this.#read.over();
      return socket.writableLength <= maxUnreadBytes;
    };
    const socket = readSocket(accepted, onBytes, { flooded: this.#turnedAway });
    const peer = peerOf(socket);
    let isTlsHere = false;
    const caller: Caller = {
      ports: this.#options,
      watch: this.#watch,
      sender: { heldBytes: 0, peer },
      read: this.#read,
      keptCalls: 0,
      head: headOf(peer),
    };
    const connection = new Connection({
      serve: (stream, headers) => this.#serve(stream, headers, caller),
      send: (bytes) => void socket.write(bytes),
      finished: () => void socket.end(),
      broken: (why) => {
        if (isTlsHere) this.#turnedAway(tlsOnPlain.reason, tlsOnPlain.message, addressOf(socket));
        else refused(this.#options, { reason: 'malformed', message: `HTTP/2: ${why}` }, { peer });
      },
      now: () => this.#watch.now,
    });
    const opened: Opened = {
      place: -1,
      peer,
      connection,
      openedAt,
      renewAt: openedAt + maxConnectionAgeMs * (0.9 + Math.random() * 0.2),
      cutAt: Number.POSITIVE_INFINITY,
      progress: 0,
      progressAt: openedAt,
      get idleSince() {
        return connection.idleSince;
      },
      leave: () => goAway(socket, connection),
    };
    this.#open.set(socket, opened);
    connections?.add(opened);
    socket.on('drain', () => socket.resume());
    socket.on('end', () => connection.endOfInput());
    // A broken connection is its client's affair; its streams are closed one by one.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#open.delete(socket);
      connections?.delete(opened);
      connection.close();
    });
  }

  /** Tells whoever speaks HTTP/1 in that where to send. What still comes is read and dropped. */
  #sendAway(socket: Socket, connection: Connection): void {
    this.#turnedAway(httpOnGrpc.reason, httpOnGrpc.message, addressOf(socket));
    connection.close();
    socket.end(farewell(httpOnGrpc));
  }

  #sweep(now: number): void {
    this.#sideCalls.sweep();
    chunks.trim(now);
    for (const [socket, opened] of this.#open) {
      const { connection } = opened;
      if (now >= opened.renewAt) connection.goAway();
      // No request takes longer than that: what stays does so for its client's sake.
      if (connection.isGoingAway) opened.cutAt = Math.min(opened.cutAt, now + maxRequestMs);
      if (!connection.isGoingAway && this.#isStuck(opened, now)) {
        refused(this.#options, stuck, opened);
        goAway(socket, connection);
      }
      const isMute = !connection.isOpen && now - opened.openedAt >= silentMs;
      if (isMute || now >= opened.cutAt) socket.destroy();
    }
  }

  /** Half a frame or half a block of headers, and no more of it for too long; of a body, the watch sees to that. */
  #isStuck(opened: Opened, now: number): boolean {
    const { connection, progress, progressAt } = opened;
    if (connection.isCutOff && connection.progress === progress) return now - progressAt >= idleMs;
    opened.progress = connection.progress;
    opened.progressAt = now;
    return false;
  }

  #serve(stream: Stream, headers: Headers, caller: Caller): StreamHandler {
    const path = headers[':path'] as string;
    if (headers[':method'] !== 'POST') return this.#notGrpc(stream, 405, wrongMethod, caller);
    if (!isGrpc(headers['content-type'])) return this.#notGrpc(stream, 415, notGrpc(headers), caller);
    if (path === exportPath) return this.#export(stream, headers, caller);
    const isExchange = path === exchangePath && this.#options.exchange !== undefined;
    const need = isExchange ? 'caller' : methodNeeds.get(path);
    if (need === undefined) return this.#refuse(stream, unknownMethod(path), caller);
    const refusal = need === 'nobody' ? undefined : this.#options.access.refuses(headIn(caller, headers));
    if (refusal !== undefined) return this.#refuse(stream, refusal, caller);
    return this.#sideCalls.open(path, stream, caller) ?? this.#refuse(stream, unknownMethod(path), caller);
  }

  #export(stream: Stream, headers: Headers, caller: Caller): StreamHandler {
    const { access } = this.#options;
    const head = headIn(caller, headers);
    head.tenant = access.tenantHeader === undefined ? undefined : headers[access.tenantHeader];
    const intake = access.admit(head, headers);
    if (intake instanceof Refusal) return this.#refuse(stream, intake, caller);
    return new ExportCall(stream, headers, caller, intake);
  }

  #notGrpc(stream: Stream, status: number, refusal: Refusal, { sender }: Caller): StreamHandler {
    refused(this.#options, refusal, sender);
    answerHttp(stream, status);
    return nobody;
  }

  #refuse(stream: Stream, refusal: Refusal, { sender }: Caller): StreamHandler {
    refused(this.#options, refusal, sender);
    answerRefusal(stream, refusal);
    return nobody;
  }
}

/** What `headers` say of whose they are, but for the tenant. */
function headIn({ head }: Caller, headers: Headers): RequestHead {
  head.authorization = headers.authorization;
  return head;
}

const stuck = new Refusal('timeout', `part of an HTTP/2 frame, and no more of it for ${idleMs / 1000} s`);

const wrongMethod = new Refusal('wrong_method', 'not gRPC: calls are sent by POST');

const notGrpc = ({ 'content-type': type = 'missing' }: Headers): Refusal =>
  new Refusal('unsupported_type', `content type ${type}: this port speaks gRPC`);

const unknownMethod = (path: string): Refusal => new Refusal('not_found', `unknown method ${path}`);

/** Ends a connection, whatever its client thinks of it. */
function goAway(socket: Socket, connection: Connection): void {
  connection.goAway();
  socket.destroySoon();
}

/** What a client hears that does not get in. */
function goodbye({ reason, message }: Refusal): Uint8Array {
  const writer = new FrameWriter();
  writer.settings([]);
  writer.goAway(
    0,
    reason === 'connections_full' ? ErrorCode.ENHANCE_YOUR_CALM : ErrorCode.INADEQUATE_SECURITY,
    message,
  );
  return writer.take() as Buffer;
}

/** `application/grpc`, with or without `+proto` or parameters. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType?.startsWith('application/grpc') === true && !/^[\w-]/.test(contentType.slice(16));
}
