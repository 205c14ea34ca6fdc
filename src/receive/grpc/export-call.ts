import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Intake, Message, Receipt } from '../../model/intake.ts';
import type { Sender } from '../admission.ts';
import { type Encoding, encodings } from '../encodings.ts';
import { encodeExportResponse, isFullSuccess } from '../export-response.ts';
import type { Headers } from '../http2/header-decoder.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import { Inbound } from '../inbound.ts';
import { messageOf } from '../message.ts';
import type { Borrower, ReadUnderWay } from '../read-under-way.ts';
import type { Ports } from '../receiver.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { answerOk, answerRefusal, frame } from './answer.ts';
import { parseTimeout } from './timeout.ts';

const prefixBytes = 5;
/** The answer to nearly every call: an empty ExportTraceServiceResponse. */
const fullSuccess = frame(new Uint8Array(0));

/** What the calls of one connection have in common. */
export interface CallHost {
  readonly ports: Ports;
  readonly watch: Watch;
  readonly sender: Sender;
  readonly read: ReadUnderWay;
}

/**
 * One Export call: DATA → prefix → message, which is handed on when the client has ended the call. Until then it lies in
 * memory of its own, or where it was read if it came with one read. A compressed message is unpacked off the main loop.
 */
export class ExportCall implements StreamHandler, Watched, Borrower {
  place = -1;
  touchedAt: number;
  readonly dueAt: number;
  bodyAt: number;
  isBorrowing = false;
  readonly #stream: Stream;
  readonly #watch: Watch;
  readonly #read: ReadUnderWay;
  readonly #inbound: Inbound;
  readonly #encoding: string;
  #done = false;
  /** Bytes of the prefix, then of the message, that have come. */
  #prefixed = 0;
  #filled = 0;
  #flag = 0;
  #length = 0;

  constructor(stream: Stream, headers: Headers, { ports, watch, sender, read }: CallHost, intake: Intake) {
    this.#stream = stream;
    this.#watch = watch;
    this.#read = read;
    this.#inbound = new Inbound(ports, 'grpc', sender, intake);
    this.#encoding = headers['grpc-encoding'] ?? 'identity';
    const timeout = headers['grpc-timeout'];
    const timeoutMs = timeout === undefined ? maxRequestMs : parseTimeout(timeout);
    this.touchedAt = watch.now;
    this.bodyAt = watch.listenedMs;
    this.dueAt = systemClock.monotonicMs() + Math.min(timeoutMs, maxRequestMs);
    watch.add(this);
    if (Number.isNaN(timeoutMs)) this.#refuse(new Refusal('malformed', `grpc-timeout ${timeout}: not a gRPC timeout`));
  }

  get bodyBytes(): number {
    return this.#prefixed + this.#filled;
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.touchedAt = this.#watch.now;
    while (start < end && !this.#done) {
      if (this.#prefixed < prefixBytes) start = this.#readPrefix(bytes, start, end);
      else start = this.#readMessage(bytes, start, end);
    }
  }

  /** The client has sent everything. */
  end(): void {
    if (this.#done) return;
    this.bodyAt = Number.POSITIVE_INFINITY;
    if (this.#prefixed < prefixBytes) this.#refuse(new Refusal('malformed', 'a call without a message'));
    else if (this.#filled < this.#length) this.#refuse(this.#cutShort());
    else if (this.#flag === 1) this.#unpack();
    else this.#deliver();
  }

  keep(): void {
    const refusal = this.#inbound.keep();
    if (refusal !== undefined) this.#refuse(refusal);
  }

  expire(why: string): void {
    this.#refuse(new Refusal('timeout', why));
  }

  /** The stream is gone, with or without an answer. */
  close(): void {
    this.#done = true;
    this.#watch.delete(this);
    this.#inbound.close();
  }

  #readPrefix(bytes: Buffer, at: number, end: number): number {
    for (; at < end && this.#prefixed < prefixBytes; at++, this.#prefixed++) {
      if (this.#prefixed === 0) this.#flag = bytes[at];
      else this.#length = this.#length * 256 + bytes[at];
    }
    if (this.#prefixed === prefixBytes) this.#prepare();
    return at;
  }

  /** The message's length is known: may it come? */
  #prepare(): void {
    const refusal = this.#checkFlag() ?? this.#inbound.expect(this.#length, this.#flag === 0);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  #checkFlag(): Refusal | undefined {
    if (this.#flag === 0) return undefined;
    if (this.#flag !== 1) return new Refusal('malformed', `compressed flag ${this.#flag}: neither 0 nor 1`);
    if (this.#encoding === 'identity') return new Refusal('malformed', 'a compressed message without a grpc-encoding');
    if (encodings.includes(this.#encoding as Encoding)) return undefined;
    return new Refusal(
      'unsupported_encoding',
      `grpc-encoding ${this.#encoding}: use identity, ${encodings.join(', ')}`,
    );
  }

  #readMessage(bytes: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#length - this.#filled);
    if (length === 0) {
      this.#refuse(new Refusal('malformed', 'more than one message in a unary call'));
      return end;
    }
    this.#filled += length;
    this.#read.lend(this);
    const refusal = this.#inbound.put(bytes, at, at + length);
    if (refusal !== undefined) this.#refuse(refusal);
    return at + length;
  }

  async #unpack(): Promise<void> {
    const inflated = await this.#inbound.unpack(this.#encoding as Encoding);
    if (this.#done) return;
    if (inflated instanceof Refusal) this.#refuse(inflated);
    else this.#deliver(messageOf(inflated.parts));
  }

  #deliver(message?: Message): void {
    const receipt = this.#inbound.deliver(message, () => {
      this.touchedAt = this.#watch.now;
    });
    if (receipt instanceof Promise) void receipt.then((it) => this.#answer(it));
    else this.#answer(receipt);
  }

  #answer(receipt: Receipt | Refusal): void {
    if (this.#done) return;
    if (receipt instanceof Refusal) {
      this.#refuse(receipt);
      return;
    }
    this.close();
    answerOk(this.#stream, isFullSuccess(receipt) ? fullSuccess : frame(encodeExportResponse(receipt)));
  }

  #refuse(refusal: Refusal): void {
    if (this.#done) return;
    // Behind a flag that is none there is no length either.
    this.#inbound.refused(refusal, this.#flag > 1 ? this.bodyBytes : this.#length);
    this.close();
    answerRefusal(this.#stream, refusal);
  }

  #cutShort(): Refusal {
    return new Refusal('malformed', `message of ${this.#length} bytes cut short at ${this.#filled}`);
  }
}
