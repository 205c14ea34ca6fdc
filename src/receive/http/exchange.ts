import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Intake, Receipt } from '../../model/intake.ts';
import { MalformedError } from '../../wire/reader.ts';
import type { Sender } from '../admission.ts';
import type { Encoding } from '../encodings.ts';
import { Inbound } from '../inbound.ts';
import { messageOf } from '../message.ts';
import type { Ports } from '../receiver.ts';
import { turns, workThrough } from '../turns.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { type Answer, receiptAnswer, refusalAnswer, sendAnswer } from './answer.ts';
import type { BodyType } from './content.ts';
import { readParts, stepBytes } from './json-body.ts';

/** How a body is written. */
export interface Content {
  readonly type: BodyType;
  readonly encoding: Encoding | 'identity';
}

/**
 * One POST of traces, whose body is collected whatever it is, and unpacked off the main loop where it is packed. What was
 * JSON is handed on when it has become protobuf: a small one at once, a large one in turns, in which the sender may go
 * away and a drain may begin.
 */
export class Exchange implements Watched {
  place = -1;
  touchedAt: number;
  readonly dueAt: number;
  bodyAt: number;
  readonly #response: ServerResponse;
  readonly #content: Content;
  readonly #headers: () => OutgoingHttpHeaders;
  readonly #watch: Watch;
  readonly #inbound: Inbound;
  #done = false;
  bodyBytes = 0;

  constructor(
    response: ServerResponse,
    content: Content,
    headers: () => OutgoingHttpHeaders,
    ports: Ports,
    watch: Watch,
    sender: Sender,
    intake: Intake | Refusal,
  ) {
    this.#response = response;
    this.#content = content;
    this.#headers = headers;
    this.#watch = watch;
    this.#inbound = new Inbound(ports, content.type === 'json' ? 'http_json' : 'http_protobuf', sender, intake);
    this.touchedAt = watch.now;
    this.bodyAt = watch.listenedMs;
    this.dueAt = systemClock.monotonicMs() + maxRequestMs;
    watch.add(this);
  }

  /** Begins to read the body. */
  read(request: IncomingMessage): void {
    this.#expect(Number(request.headers['content-length'] ?? -1));
    request.on('data', (chunk: Buffer) => this.#data(chunk));
    request.on('end', () => this.#end());
    request.on('error', () => {});
    this.#response.on('close', () => this.close());
  }

  expire(why: string): void {
    this.#refuse(new Refusal('timeout', why));
  }

  /** The exchange is over, with or without an answer. */
  close(): void {
    this.#done = true;
    this.#watch.delete(this);
    this.#inbound.close();
  }

  /** The body's length is known, or -1: may it come? */
  #expect(length: number): void {
    const { type, encoding } = this.#content;
    const refusal = this.#inbound.expect(length, type === 'protobuf' && encoding === 'identity');
    if (refusal !== undefined) this.#refuse(refusal, Math.max(0, length));
  }

  /** Copied at once, however small: a chunk of one byte costs node:http hundreds. */
  #data(chunk: Buffer): void {
    if (this.#done) return;
    this.touchedAt = this.#watch.now;
    this.bodyBytes += chunk.length;
    const refusal = this.#inbound.put(chunk, 0, chunk.length) ?? this.#inbound.keep();
    if (refusal !== undefined) this.#refuse(refusal);
  }

  async #end(): Promise<void> {
    if (this.#done) return;
    this.bodyAt = Number.POSITIVE_INFINITY;
    const { type, encoding } = this.#content;
    if (encoding !== 'identity') this.#unpack(encoding);
    else if (type === 'json') this.#takeJson(this.#inbound.drain(), this.bodyBytes);
    else this.#answer(await this.#inbound.deliver(undefined, () => this.#isOver()));
  }

  async #unpack(encoding: Encoding): Promise<void> {
    const inflated = await this.#inbound.unpack(encoding);
    if (this.#done) return;
    if (inflated instanceof Refusal) this.#refuse(inflated);
    else if (this.#content.type === 'json') this.#takeJson(inflated.parts, inflated.length);
    else this.#answer(await this.#inbound.deliver(messageOf(inflated.parts), () => this.#isOver()));
  }

  async #takeJson(parts: Iterable<Uint8Array>, length: number): Promise<void> {
    try {
      const work = readParts(parts, length);
      const message = length <= stepBytes ? workThrough(work) : await turns.take(work, () => this.#isOver());
      if (message !== undefined) this.#answer(await this.#inbound.deliver(messageOf([message]), () => this.#isOver()));
    } catch (error) {
      this.#answer(
        error instanceof MalformedError ? new Refusal('malformed', error.message) : this.#inbound.failed(error),
      );
    }
  }

  /** Asked before each turn: the sender is heard as long as we work on what it sent. */
  #isOver(): boolean {
    this.touchedAt = this.#watch.now;
    return this.#done;
  }

  #answer(receipt: Receipt | Refusal): void {
    if (this.#done) return;
    if (receipt instanceof Refusal) {
      this.#refuse(receipt);
      return;
    }
    this.close();
    this.#send(receiptAnswer(this.#content.type, receipt));
  }

  #refuse(refusal: Refusal, bytes = this.bodyBytes): void {
    if (this.#done) return;
    this.#inbound.refused(refusal, bytes);
    this.close();
    this.#send(refusalAnswer(this.#content.type, refusal));
  }

  #send(answer: Answer): void {
    sendAnswer(this.#response, answer, this.#headers());
  }
}
