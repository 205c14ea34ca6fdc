import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Landing, Receipt } from '../../model/intake.ts';
import { type Encoding, encodings } from '../encodings.ts';
import { encodeExportResponse, isFullSuccess } from '../export-response.ts';
import type { Headers } from '../http2/header-decoder.ts';
import type { Stream, StreamHandler } from '../http2/stream.ts';
import { Inbound } from '../inbound.ts';
import { inflate } from '../inflate.ts';
import type { Ports } from '../receiver.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { answerOk, answerRefusal, frame } from './answer.ts';
import { parseTimeout } from './timeout.ts';

const prefixBytes = 5;
/** The answer to nearly every call: an empty ExportTraceServiceResponse. */
const fullSuccess = frame(new Uint8Array(0));

/**
 * One Export call: DATA chunks → prefix → message, copied from the chunks straight into its landing. A compressed
 * message is collected in a buffer of its own, unpacked off the main loop, and lands after that.
 */
export class ExportCall implements StreamHandler, Watched {
  place = -1;
  touchedAt: number;
  readonly dueAt: number;
  readonly #stream: Stream;
  readonly #watch: Watch;
  readonly #inbound: Inbound;
  readonly #encoding: string;
  #done = false;
  /** Bytes of the prefix, then of the message, that have come. */
  #prefixed = 0;
  #filled = 0;
  #flag = 0;
  #length = 0;
  /** Where the message is copied: the landing, or our own buffer for compressed bytes. */
  #target: Uint8Array | undefined = undefined;
  #start = 0;

  constructor(stream: Stream, headers: Headers, ports: Ports, watch: Watch) {
    this.#stream = stream;
    this.#watch = watch;
    this.#inbound = new Inbound(ports, 'grpc');
    this.#encoding = headers['grpc-encoding'] ?? 'identity';
    const timeout = headers['grpc-timeout'];
    const timeoutMs = timeout === undefined ? maxRequestMs : parseTimeout(timeout);
    this.touchedAt = watch.now;
    this.dueAt = systemClock.monotonicMs() + Math.min(timeoutMs, maxRequestMs);
    watch.add(this);
    if (Number.isNaN(timeoutMs)) this.#refuse(new Refusal('malformed', `grpc-timeout ${timeout}: not a gRPC timeout`));
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
    if (this.#prefixed < prefixBytes) this.#refuse(new Refusal('malformed', 'a call without a message'));
    else if (this.#filled < this.#length) this.#refuse(this.#cutShort());
    else if (this.#flag === 1) this.#unpack();
    else this.#answer(this.#inbound.accept());
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

  /** The message's length is known: asks for admission and a place. */
  #prepare(): void {
    const refusal = this.#checkFlag() ?? this.#inbound.claim(this.#length, this.#length) ?? this.#makeRoom();
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

  #makeRoom(): Refusal | undefined {
    if (this.#flag === 1) {
      this.#target = Buffer.allocUnsafe(this.#length);
      return undefined;
    }
    const landing: Landing | Refusal = this.#inbound.land(this.#length);
    if (landing instanceof Refusal) return landing;
    this.#target = landing.bytes;
    this.#start = landing.start;
    return undefined;
  }

  #readMessage(bytes: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#length - this.#filled);
    if (length === 0) {
      this.#refuse(new Refusal('malformed', 'more than one message in a unary call'));
      return end;
    }
    bytes.copy(this.#target as Uint8Array, this.#start + this.#filled, at, at + length);
    this.#filled += length;
    return at + length;
  }

  async #unpack(): Promise<void> {
    const compressed = this.#target as Uint8Array;
    const inflated = await inflate(this.#encoding as Encoding, compressed, (extra, total) =>
      this.#done ? new Refusal('timeout', 'the sender went away') : this.#inbound.claim(extra, total),
    );
    if (this.#done) return;
    if (inflated instanceof Refusal) this.#refuse(inflated);
    else this.#answer(this.#inbound.deliver(inflated.parts, inflated.length));
  }

  #answer(receipt: Receipt | Refusal): void {
    if (receipt instanceof Refusal) {
      this.#refuse(receipt);
      return;
    }
    this.close();
    answerOk(this.#stream, isFullSuccess(receipt) ? fullSuccess : frame(encodeExportResponse(receipt)));
  }

  #refuse(refusal: Refusal): void {
    if (this.#done) return;
    this.#inbound.refused(refusal, this.#length);
    this.close();
    answerRefusal(this.#stream, refusal);
  }

  #cutShort(): Refusal {
    return new Refusal('malformed', `message of ${this.#length} bytes cut short at ${this.#filled}`);
  }
}
