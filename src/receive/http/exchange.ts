import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { systemClock } from '../../clock.ts';
import { decodeJson } from '../../decode/json.ts';
import { Refusal } from '../../errors.ts';
import type { Landing, Receipt } from '../../model/intake.ts';
import { MalformedError } from '../../wire/reader.ts';
import type { Encoding } from '../encodings.ts';
import { Inbound } from '../inbound.ts';
import { type Inflated, inflate } from '../inflate.ts';
import type { Ports } from '../receiver.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { type Answer, receiptAnswer, refusalAnswer, sendAnswer } from './answer.ts';
import type { BodyType } from './content.ts';

/** How a body is written. */
export interface Content {
  readonly type: BodyType;
  readonly encoding: Encoding | 'identity';
}

/**
 * One POST of traces. A plain protobuf body of known length is copied from the socket's chunks straight into its
 * landing; any other is collected, unpacked off the main loop, turned from JSON into protobuf, and lands then.
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
    if (this.#content.type !== 'protobuf' || this.#content.encoding !== 'identity') return undefined;
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
    else this.#parts.push(chunk);
    this.#received += chunk.length;
    if (!unannounced) return;
    const refusal = this.#inbound.claim(chunk.length, this.#received);
    if (refusal !== undefined) this.#refuse(refusal);
  }

  #end(): void {
    if (this.#done) return;
    if (this.#landing !== undefined) this.#answer(this.#inbound.accept());
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
    else this.#answer(this.#takeJson(parts, length));
  }

  #takeJson(parts: readonly Uint8Array[], length: number): Receipt | Refusal {
    try {
      const message = decodeJson(parts.length === 1 ? parts[0] : Buffer.concat(parts, length));
      return this.#inbound.deliver([message], message.length);
    } catch (error) {
      return error instanceof MalformedError ? new Refusal('malformed', error.message) : this.#inbound.failed(error);
    }
  }

  #answer(receipt: Receipt | Refusal): void {
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
