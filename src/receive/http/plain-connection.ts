import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Landing, Receipt } from '../../model/intake.ts';
import { isFullSuccess } from '../export-response.ts';
import { Inbound } from '../inbound.ts';
import type { Ports } from '../receiver.ts';
import { maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { receiptAnswer, refusalAnswer, writeAnswer, writeFullSuccess } from './answer.ts';
import { plainBodyLength } from './plain-head.ts';

/** What node:http takes, too; a longer head is its to refuse. */
const maxHeadBytes = 16 * 1024;
const endOfHead = Buffer.from('\r\n\r\n');

/** The connection's ways out. */
interface PlainRim {
  readonly send: (answer: Buffer) => void;
  /** No more is answered here: the connection ends when what was sent has left. */
  readonly finished: () => void;
  /** Everything from here on is node:http's, beginning with these bytes, which are its to keep. */
  readonly handOver: (bytes: Buffer) => void;
}

/**
 * One HTTP/1.1 connection, as long as its requests are plain ones (plain-head.ts): the body is copied from what was read straight into its landing.
 * Nearly all of an SDK's requests are that, and cost a sixth less, all in all, than by way of node:http. The first one that is anything else, or whose head
 * does not come in one piece, takes the connection with it to node:http, for good.
 */
export class PlainConnection implements Watched {
  place = -1;
  touchedAt: number;
  dueAt = Number.POSITIVE_INFINITY;
  readonly #ports: Ports;
  readonly #watch: Watch;
  readonly #rim: PlainRim;
  /** Of the body under way, and how much of it is still to come. */
  #inbound: Inbound | undefined = undefined;
  #landing: Landing | undefined = undefined;
  #length = 0;
  #left = 0;
  /** The request under way was refused: what still comes of its body is dropped. */
  #refused = false;
  #closing = false;
  #over = false;

  constructor(ports: Ports, watch: Watch, rim: PlainRim) {
    this.#ports = ports;
    this.#watch = watch;
    this.#rim = rim;
    this.touchedAt = watch.now;
  }

  /** Nothing of a request has come that is not answered. */
  get isIdle(): boolean {
    return this.#inbound === undefined;
  }

  /** Handed over, ended or gone: nothing is read here any more. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Takes `length` bytes, ours to read until we return. */
  read(bytes: Buffer, length: number): void {
    if (!this.#over) this.touchedAt = this.#watch.now;
    for (let at = 0; at < length && !this.#over; )
      at = this.#inbound === undefined ? this.#head(bytes, at, length) : this.#body(bytes, at, length);
  }

  /** Answers what is under way and ends. */
  finish(): void {
    this.#closing = true;
    if (this.isIdle) this.end();
  }

  /** The client sends no more: a request that is not complete never will be. */
  end(): void {
    if (this.#over) return;
    this.close();
    this.#rim.finished();
  }

  expire(why: string): void {
    this.#closing = true;
    if (this.#refused) this.end();
    else this.#refuse(new Refusal('timeout', why));
  }

  /** The socket is gone. */
  close(): void {
    this.#over = true;
    this.#release();
  }

  #head(bytes: Buffer, at: number, end: number): number {
    const head = bytes.subarray(at, Math.min(end, at + maxHeadBytes));
    const headBytes = head.indexOf(endOfHead) + endOfHead.length;
    const length =
      headBytes < endOfHead.length ? undefined : plainBodyLength(head.toString('latin1', 0, headBytes - 2));
    if (length === undefined || this.#closing) {
      this.#over = true;
      this.#rim.handOver(Buffer.from(bytes.subarray(at, end)));
      return end;
    }
    this.#begin(length);
    return at + headBytes;
  }

  #begin(length: number): void {
    const inbound = new Inbound(this.#ports, 'http_protobuf');
    this.#inbound = inbound;
    this.#length = length;
    this.#left = length;
    this.dueAt = systemClock.monotonicMs() + maxRequestMs;
    this.#watch.add(this);
    const landing = inbound.claim(length, length) ?? inbound.land(length);
    if (landing instanceof Refusal) this.#refuse(landing);
    else this.#landing = landing;
    if (length === 0) this.#complete();
  }

  #body(bytes: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#left);
    const landing = this.#landing;
    if (landing !== undefined) bytes.copy(landing.bytes, landing.start + this.#length - this.#left, at, at + length);
    this.#left -= length;
    if (this.#left === 0) this.#complete();
    return at + length;
  }

  /** All of the body has come. */
  #complete(): void {
    const inbound = this.#inbound as Inbound;
    if (!this.#refused) {
      const receipt = inbound.accept();
      if (receipt instanceof Refusal) this.#refuse(receipt);
      else this.#answer(receipt);
    }
    this.#release();
    if (this.#closing) this.end();
  }

  #answer(receipt: Receipt): void {
    const { unixMs } = this.#watch;
    if (isFullSuccess(receipt) && !this.#closing) this.#rim.send(writeFullSuccess(unixMs));
    else this.#rim.send(writeAnswer(receiptAnswer('protobuf', receipt), unixMs, this.#closing));
  }

  #refuse(refusal: Refusal): void {
    this.#refused = true;
    this.#landing = undefined;
    const inbound = this.#inbound as Inbound;
    inbound.refused(refusal, this.#length);
    inbound.close();
    const answer = refusalAnswer('protobuf', refusal);
    this.#rim.send(writeAnswer(answer, this.#watch.unixMs, this.#closing));
    if (this.#closing) this.end();
  }

  #release(): void {
    this.#watch.delete(this);
    this.#inbound?.close();
    this.#inbound = undefined;
    this.#landing = undefined;
    this.#refused = false;
  }
}
