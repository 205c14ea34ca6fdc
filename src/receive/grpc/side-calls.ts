import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import { MalformedError } from '../../wire/reader.ts';
import type { Sender } from '../admission.ts';
import { ErrorCode } from '../http2/protocol.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import type { GrpcReceiverOptions } from '../receiver.ts';
import { refused } from '../refused.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { answerOk, answerRefusal, answerStatus, endOk, frame, startMessages } from './answer.ts';
import { FrameReader } from './frame-reader.ts';
import { encodeHealth, healthOf, readHealthRequest, ServingStatus } from './health.ts';
import { type CallKeeper, KeptCalls } from './kept-calls.ts';
import { reflect } from './reflection.ts';
import { exchangePath, healthCheckPath, healthWatchPath, reflectionPaths } from './services.ts';

const NOT_FOUND = 5;

type SideCallOptions = Pick<GrpcReceiverOptions, 'serving' | 'stats' | 'onRefused' | 'exchange'>;

/** A connection that calls are kept for. */
type Caller = CallKeeper & { readonly sender: Sender };

/** What a method does: with a message, and with the end of a call that is not over yet. */
interface Method {
  message(call: SideCall, request: Uint8Array): void;
  end(call: SideCall): void;
}

/** The small services beside Export: health and reflection. Their messages are tiny, so they are simply collected. */
export class SideCalls {
  readonly #serving: () => boolean;
  readonly #watch: Watch;
  readonly #ports: SideCallOptions;
  readonly #calls = new Set<SideCall>();
  readonly #kept = new KeptCalls();
  readonly #methods: Readonly<Record<string, Method>>;

  /** `exchange`: a member's word for another's, at the port where members come in. */
  constructor(options: SideCallOptions, watch: Watch) {
    const { serving, exchange } = options;
    this.#serving = serving;
    this.#watch = watch;
    this.#ports = options;
    const check: Method = { message: (call, request) => this.#check(call, request), end: () => {} };
    const watching: Method = { message: (call, request) => this.#startWatch(call, request), end: () => {} };
    const reflection: Method = {
      message: (call, request) => call.send(reflect(request)),
      end: (call) => call.finish(),
    };
    this.#methods = {
      ...(exchange && { [exchangePath]: { message: answerBy(exchange), end: () => {} } }),
      [healthCheckPath]: check,
      [healthWatchPath]: watching,
      ...Object.fromEntries(reflectionPaths.map((path) => [path, reflection])),
    };
  }

  /** Takes the call if its method is one of ours. */
  open(path: string, stream: Stream, connection: Caller): StreamHandler | undefined {
    const method = Object.hasOwn(this.#methods, path) ? this.#methods[path] : undefined;
    if (method === undefined) return undefined;
    const call = new SideCall(stream, method, connection, this.#watch, this);
    this.#calls.add(call);
    return call;
  }

  keep(connection: CallKeeper): Refusal | undefined {
    return this.#kept.keep(connection);
  }

  refused(refusal: Refusal, { sender }: Caller): void {
    refused(this.#ports, refusal, sender);
  }

  ended(call: SideCall, keptFor: CallKeeper | undefined): void {
    this.#calls.delete(call);
    if (keptFor !== undefined) this.#kept.letGo(keptFor);
  }

  /** Tells the watchers what changed since the last sweep. */
  sweep(): void {
    for (const call of this.#calls) this.#tell(call);
  }

  /** Ends the calls that would go on for ever: the last thing they hear is the present status. */
  close(): void {
    this.sweep();
    for (const call of [...this.#calls]) call.finish();
  }

  #check(call: SideCall, request: Uint8Array): void {
    const service = readHealthRequest(request);
    const status = healthOf(service, this.#serving());
    if (status === ServingStatus.SERVICE_UNKNOWN) answerStatus(call.stream, NOT_FOUND, `unknown service ${service}`);
    else answerOk(call.stream, frame(encodeHealth(status)));
  }

  #startWatch(call: SideCall, request: Uint8Array): void {
    if (call.watched !== undefined || !call.keep()) return;
    call.watched = readHealthRequest(request);
    // It goes on for as long as its client likes.
    this.#watch.delete(call);
    this.#tell(call);
  }

  #tell(call: SideCall): void {
    if (call.watched === undefined) return;
    const status = healthOf(call.watched, this.#serving());
    if (status === call.told) return;
    call.told = status;
    call.send(encodeHealth(status));
  }
}

const answerBy =
  (exchange: (request: Uint8Array) => Uint8Array): Method['message'] =>
  (call, request) =>
    answerOk(call.stream, frame(exchange(request)));

/** One call of such a method. */
class SideCall implements StreamHandler, Watched {
  readonly stream: Stream;
  place = -1;
  touchedAt: number;
  readonly dueAt: number;
  readonly bodyAt = Number.POSITIVE_INFINITY;
  readonly bodyBytes = 0;
  /** The service whose health it wants to hear of, and what it was told last. */
  watched: string | undefined = undefined;
  told = 0;
  readonly #method: Method;
  readonly #frames = new FrameReader();
  readonly #connection: Caller;
  readonly #watch: Watch;
  readonly #calls: SideCalls;
  #isKept = false;

  constructor(stream: Stream, method: Method, connection: Caller, watch: Watch, calls: SideCalls) {
    this.stream = stream;
    this.#method = method;
    this.#connection = connection;
    this.#watch = watch;
    this.#calls = calls;
    this.touchedAt = watch.now;
    this.dueAt = systemClock.monotonicMs() + maxRequestMs;
    watch.add(this);
  }

  /** Whatever is wrong with a message ends the call. */
  data(bytes: Buffer, start: number, end: number): void {
    this.touchedAt = this.#watch.now;
    try {
      this.#frames.push(bytes.subarray(start, end), (message) => this.#method.message(this, message));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#refuse(new Refusal('malformed', error.message));
    }
    if (this.#frames.isHolding) this.keep();
  }

  end(): void {
    if (!this.stream.headersSent) this.#refuse(new Refusal('malformed', 'a call without a message'));
    else this.#method.end(this);
  }

  expire(why: string): void {
    if (this.stream.headersSent) this.finish();
    else this.#refuse(new Refusal('timeout', why));
  }

  close(): void {
    this.#watch.delete(this);
    this.#calls.ended(this, this.#isKept ? this.#connection : undefined);
    this.#isKept = false;
  }

  /** It stays, with what it holds; false where there are too many, and it is refused. */
  keep(): boolean {
    if (this.#isKept || this.stream.isOver) return !this.stream.isOver;
    const refusal = this.#calls.keep(this.#connection);
    this.#isKept = refusal === undefined;
    if (refusal !== undefined) this.#refuse(refusal);
    return this.#isKept;
  }

  send(message: Uint8Array): void {
    startMessages(this.stream);
    this.stream.write(frame(message));
  }

  /** Ends an answer that has begun. */
  finish(): void {
    if (this.stream.headersSent) endOk(this.stream);
  }

  #refuse(refusal: Refusal): void {
    if (this.stream.isOver) return;
    this.#calls.refused(refusal, this.#connection);
    if (this.stream.headersSent) this.stream.reset(ErrorCode.CANCEL);
    else answerRefusal(this.stream, refusal);
  }
}
