import http2, {
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Refusal } from '../errors.ts';
import { closeBy } from './close-by.ts';
import { answerHttp, answerRefusal } from './grpc/answer.ts';
import { ExportCall } from './grpc/export-call.ts';
import { exportPath } from './grpc/services.ts';
import { SideCalls } from './grpc/side-calls.ts';
import type { GrpcReceiverOptions } from './grpc.ts';
import { listen } from './listen.ts';
import type { Endpoint, GrpcReceiver } from './receiver.ts';
import { Watch } from './watch.ts';

const MiB = 1024 * 1024;
/**
 * Wide windows, since a batch of spans is several times the usual 64 KiB and every window update costs a round trip;
 * large frames, since each one costs a call into JavaScript.
 */
const serverOptions: http2.ServerOptions & { keepAlive: boolean; keepAliveInitialDelay: number; noDelay: boolean } = {
  settings: { initialWindowSize: 4 * MiB, maxFrameSize: MiB, maxConcurrentStreams: 1000, enablePush: false },
  maxSessionMemory: 1024,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  noDelay: true,
};
const sessionWindowBytes = 16 * MiB;
/** Connections are asked to reconnect now and then, so that replicas added later get their share. */
const maxConnectionAgeMs = 30 * 60_000;

/** OTLP/gRPC on node:http2: the default. Protocol: grpc/doc/PROTOCOL-HTTP2.md. */
export class Http2Receiver implements GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  readonly #server: Http2Server;
  readonly #sideCalls: SideCalls;
  readonly #watch: Watch;
  /** Open connections and when each shall be renewed. */
  readonly #sessions = new Map<ServerHttp2Session, number>();

  constructor(options: GrpcReceiverOptions) {
    this.#options = options;
    this.#sideCalls = new SideCalls(options.serving);
    this.#watch = new Watch((now) => this.#sweep(now));
    this.#server = http2.createServer(serverOptions);
    this.#server.on('session', (session) => this.#opened(session));
    this.#server.on('stream', (stream, headers) => this.#call(stream as ServerHttp2Stream, headers));
  }

  async start(): Promise<Endpoint> {
    const bound = await listen(this.#server, 'receive.grpc', this.#options.endpoint);
    this.#watch.start();
    return bound;
  }

  /** Each client gets a GOAWAY that names the last call it will have an answer to; it sends the others elsewhere. */
  async drain(deadlineMs: number): Promise<void> {
    this.#sideCalls.close();
    await closeBy(
      deadlineMs,
      (done) => this.#server.close(done),
      () => this.#cut(),
    );
    this.#watch.stop();
  }

  #cut(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  #opened(session: ServerHttp2Session): void {
    session.setLocalWindowSize(sessionWindowBytes);
    this.#sessions.set(session, Date.now() + maxConnectionAgeMs * (0.9 + Math.random() * 0.2));
    // A broken connection is its client's affair; its streams are closed one by one.
    session.on('error', () => {});
    session.on('close', () => this.#sessions.delete(session));
  }

  #sweep(now: number): void {
    this.#sideCalls.sweep();
    for (const [session, renewAt] of this.#sessions) {
      if (now >= renewAt) session.close();
    }
  }

  #call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', () => {});
    const path = headers[':path'];
    if (headers[':method'] !== 'POST') this.#notGrpc(stream, 405, 'wrong_method');
    else if (!isGrpc(headers['content-type'])) this.#notGrpc(stream, 415, 'unsupported_type');
    else if (path === exportPath) this.#export(stream, headers);
    else if (!this.#sideCalls.open(path as string, stream)) this.#unknown(stream, path as string);
  }

  #export(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const call = new ExportCall(stream, headers, this.#options, this.#watch);
    // A frame's bytes straight to the call, past the stream's queue and its events, which cost more than the copy. Its end goes the usual way.
    const push = stream.push;
    stream.push = (chunk: Buffer | null): boolean => {
      if (chunk === null) return push.call(stream, null);
      call.data(chunk);
      return true;
    };
    stream.on('end', () => call.end());
    stream.on('close', () => call.close());
    stream.resume();
  }

  #notGrpc(stream: ServerHttp2Stream, status: number, reason: 'wrong_method' | 'unsupported_type'): void {
    this.#options.stats.refuse(reason, 0);
    answerHttp(stream, status);
  }

  #unknown(stream: ServerHttp2Stream, path: string): void {
    this.#options.stats.refuse('not_found', 0);
    answerRefusal(stream, new Refusal('not_found', `unknown method ${path}`));
  }
}

/** `application/grpc`, with or without `+proto` or parameters. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType?.startsWith('application/grpc') === true && !/^[\w-]/.test(contentType.slice(16));
}
