import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Landing, Receipt } from '../../model/intake.ts';
import { copyBytes } from '../../wire/copy.ts';
import { MalformedError } from '../../wire/reader.ts';
import type { Encoding } from '../encodings.ts';
import { Inbound } from '../inbound.ts';
import { type Inflated, inflate } from '../inflate.ts';
import type { Ports } from '../receiver.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { type Answer, receiptAnswer, refusalAnswer, sendAnswer } from './answer.ts';
import type { BodyType } from './content.ts';
import { JsonBody, readParts, stepBytes } from './json-body.ts';
import { Turns, workThrough } from './turns.ts';

/** How a body is written. */
export interface Content {
  readonly type: BodyType;
  readonly encoding: Encoding | 'identity';
}

/** There is one event loop a thread, so there is one of these. */
const turns = new Turns(systemClock, setImmediate);

/**
 * One POST of traces. A plain protobuf body of known length is copied from the socket's chunks straight into its
 * landing, a JSON one to where it is read; any other is collected and unpacked off the main loop. What was JSON lands
 * when it has become protobuf: a small one at once, a large one in turns, in which the sender may go away and a drain
 * may begin.
 */
export class Exchange implements Watched {
  place = -1;
  touchedAt: number;
  readonly dueAt: number;
  readonly #response: ServerResponse;
  readonly #content: Content;
  readonly #headers: () => OutgoingHttpHeaders;
  readonly #watch: Watch;
  readonly #inbound: Inbound;
  #done = false;
  #received = 0;
  #landing: Landing | undefined = undefined;
  #json: JsonBody | undefined = undefined;
  readonly #parts: Uint8Array[] = [];

  constructor(
    response: ServerResponse,
    content: Content,
    headers: () => OutgoingHttpHeaders,
    ports: Ports,
    watch: Watch,
  ) {
    this.#response = response;
    this.#content = content;
    this.#headers = headers;
    this.#watch = watch;
    this.#inbound = new Inbound(ports, content.type === 'json' ? 'http_json' : 'http_protobuf');
    this.touchedAt = watch.now;
    this.dueAt = systemClock.monotonicMs() + maxRequestMs;
    watch.add(this);
  }

  /** Begins to read the body. */
  read(request: IncomingMessage): void {
    const announced = request.headers['content-length'];
    if (announced !== undefined) this.#expect(Number(announced));
    request.on('data', (chunk: Buffer) => this.#data(chunk, announced === undefined));
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

  /** The body's length is known: admission now, and a place where the bytes can lie as they come. */
  #expect(length: number): void {
    const refusal = this.#inbound.claim(length, length) ?? this.#makeRoom(length);
    if (refusal !== undefined) this.#refuse(refusal, length);
  }

  #makeRoom(length: number): Refusal | undefined {
    if (this.#content.encoding !== 'identity') return undefined;
    if (this.#content.type === 'json') {
      // A small one comes by way of memory that is shared.
      if (length > stepBytes) this.#json = new JsonBody(length);
      return undefined;
    }
    const landing = this.#inbound.land(length);
    if (landing instanceof Refusal) return landing;
    this.#landing = landing;
    return undefined;
  }

  #data(chunk: Buffer, unannounced: boolean): void {
    if (this.#done) return;
    this.touchedAt = this.#watch.now;
    const landing = this.#landing;
    if (landing !== undefined) chunk.copy(landing.bytes, landing.start + this.#received);
    else if (this.#json !== undefined) this.#json.put(chunk);
    else this.#parts.push(chunk);
    this.#received += chunk.length;
    if (!unannounced) return;
    const refusal = this.#inbound.claim(chunk.length, this.#received);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  #end(): void {
    if (this.#done) return;
    if (this.#landing !== undefined) this.#answer(this.#inbound.accept());
    else if (this.#json !== undefined) this.#takeJson(this.#json.read(), this.#received);
    else if (this.#content.encoding !== 'identity') this.#unpack(this.#content.encoding);
    else this.#take({ parts: this.#parts, length: this.#received });
  }

  async #unpack(encoding: Encoding): Promise<void> {
    const inflated = await inflate(encoding, Buffer.concat(this.#parts, this.#received), (extra, total) =>
      this.#done ? new Refusal('timeout', 'the sender went away') : this.#inbound.claim(extra, total),
    );
    if (this.#done) return;
    if (inflated instanceof Refusal) this.#refuse(inflated);
    else this.#take(inflated);
  }

  #take({ parts, length }: Inflated): void {
    if (this.#content.type === 'protobuf') this.#answer(this.#inbound.deliver(parts, length));
    else this.#takeJson(readParts([...parts], length), length);
  }

  async #takeJson(reading: Generator<undefined, Uint8Array>, length: number): Promise<void> {
    this.#json = undefined;
    this.#parts.length = 0;
    try {
      const work = this.#landJson(reading);
      const receipt = length <= stepBytes ? workThrough(work) : await turns.take(work, () => this.#isOver());
      if (receipt !== undefined) this.#answer(receipt);
    } catch (error) {
      this.#answer(
        error instanceof MalformedError ? new Refusal('malformed', error.message) : this.#inbound.failed(error),
      );
    }
  }

  *#landJson(reading: Generator<undefined, Uint8Array>): Generator<undefined, Receipt | Refusal> {
    const message = yield* reading;
    const landing = this.#inbound.land(message.length);
    if (landing instanceof Refusal) return landing;
    for (let at = 0; at < message.length; at += stepBytes) {
      copyBytes(message, at, Math.min(message.length, at + stepBytes), landing.bytes, landing.start + at);
      yield;
    }
    return this.#inbound.accept();
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

  #refuse(refusal: Refusal, bytes = this.#received): void {
    if (this.#done) return;
    this.#inbound.refused(refusal, bytes);
    this.close();
    this.#send(refusalAnswer(this.#content.type, refusal));
  }

  #send(answer: Answer): void {
    sendAnswer(this.#response, answer, this.#headers());
  }
}
