import { systemClock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Message, Receipt } from '../../model/intake.ts';
import { headOf, type RequestHead } from '../access.ts';
import type { Sender } from '../admission.ts';
import { isFullSuccess } from '../export-response.ts';
import { Inbound } from '../inbound.ts';
import { messageOf } from '../message.ts';
import type { Peer } from '../peer.ts';
import type { Ports } from '../receiver.ts';
import { refused } from '../refused.ts';
import { idleMs, maxRequestMs, type Watch, type Watched } from '../watch.ts';
import { receiptAnswer, refusalAnswer, writeAnswer, writeFullSuccess, writeRefusal } from './answer.ts';
import { mayBePlain, plainRequest } from './plain-head.ts';
import { SentAhead } from './sent-ahead.ts';

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
 * One HTTP/1.1 connection, as long as its requests are plain ones (plain-head.ts): a body that came with one read is
 * handed on from where it was read, any other from memory of its own, and gzip is unpacked. Nearly all of an SDK's
 * requests are that, and cost a sixth less, all in all, than by way of node:http. The first one that is anything else
 * takes the connection with it to node:http, for good.
 */
export class PlainConnection implements Watched {
  place = -1;
  touchedAt: number;
  dueAt = Number.POSITIVE_INFINITY;
  bodyAt = Number.POSITIVE_INFINITY;
  readonly #ports: Ports;
  readonly #watch: Watch;
  readonly #rim: PlainRim;
  /** Of the body under way, and how much of it is still to come. */
  #inbound: Inbound | undefined = undefined;
  #isGzip = false;
  readonly #sender: Sender;
  readonly #requestHead: RequestHead;
  /** All of a body is there that is unpacked or taken in turns: what is sent on waits until it is answered. */
  #isAtWork = false;
  readonly #ahead = new SentAhead();
  /** The beginning of a head, and until when the rest must have come. */
  #cutHead: Buffer | undefined = undefined;
  #headDueAt = Number.POSITIVE_INFINITY;
  #idleSince: number;
  #length = 0;
  #left = 0;
  /** The request under way was refused: what still comes of its body is dropped. */
  #refused = false;
  #closing = false;
  #over = false;

  constructor(ports: Ports, watch: Watch, peer: Peer, rim: PlainRim) {
    this.#ports = ports;
    this.#watch = watch;
    this.#sender = { heldBytes: 0, peer };
    this.#requestHead = headOf(peer);
    this.#rim = rim;
    this.touchedAt = watch.now;
    this.#idleSince = watch.now;
  }

  /** Nothing of a request has come that is not answered. */
  get isIdle(): boolean {
    return this.#inbound === undefined;
  }

  /** Since when no request has been under way, half a head aside; Infinity while one is. */
  get idleSince(): number {
    return this.isIdle ? this.#idleSince : Number.POSITIVE_INFINITY;
  }

  /** Handed over, ended or gone: nothing is read here any more. */
  get isOver(): boolean {
    return this.#over;
  }

  get bodyBytes(): number {
    return this.#length - this.#left;
  }

  /** Takes `length` bytes, ours to read until we return. */
  read(bytes: Buffer, length: number): void {
    if (!this.#over) this.touchedAt = this.#watch.now;
    if (this.#cutHead !== undefined) {
      bytes = Buffer.concat([this.#cutHead, bytes.subarray(0, length)]);
      length = bytes.length;
      this.#cutHead = undefined;
      this.#watch.delete(this);
    }
    for (let at = 0; at < length && !this.#over; ) {
      if (this.#isAtWork) at = this.#keep(bytes, at, length);
      else at = this.#inbound === undefined ? this.#head(bytes, at, length) : this.#body(bytes, at, length);
    }
    this.#settle(this.#inbound?.keep());
  }

  /** Answers what is under way and ends. */
  finish(): void {
    this.#closing = true;
    if (this.isIdle) this.#finished();
  }

  /** The client sends no more: a request that is not complete never will be, and one that is has its answer yet. */
  end(): void {
    this.#closing = true;
    if (this.#cutHead !== undefined) {
      // What is wrong with half a head is node:http's to say.
      this.#watch.delete(this);
      this.#handOver(this.#cutHead);
      return;
    }
    if (!this.#isAtWork) this.#finished();
  }

  expire(why: string): void {
    this.#closing = true;
    if (this.#refused) this.#finished();
    else if (this.#inbound === undefined) this.#refuseHead(new Refusal('timeout', why));
    else this.#refuse(new Refusal('timeout', why));
  }

  /** The socket is gone. */
  close(): void {
    this.#over = true;
    this.#release();
  }

  #finished(): void {
    if (this.#over) return;
    this.close();
    this.#rim.finished();
  }

  /** Whoever sends too much ahead has the request under way answered, and must connect anew. */
  #keep(bytes: Buffer, at: number, end: number): number {
    if (!this.#ahead.keep(bytes.subarray(at, end))) this.#closing = true;
    return end;
  }

  #head(bytes: Buffer, at: number, end: number): number {
    const head = bytes.subarray(at, Math.min(end, at + maxHeadBytes));
    const headBytes = head.indexOf(endOfHead) + endOfHead.length;
    const isCut = headBytes < endOfHead.length;
    if (isCut && head.length < maxHeadBytes && !this.#closing && mayBePlain(head)) return this.#wait(head, end);
    const { tenantHeader } = this.#ports.access;
    const request = isCut ? undefined : plainRequest(head.toString('latin1', 0, headBytes - 2), tenantHeader);
    this.#headDueAt = Number.POSITIVE_INFINITY;
    if (request === undefined || this.#closing) {
      this.#handOver(Buffer.from(bytes.subarray(at, end)));
      return end;
    }
    this.#requestHead.authorization = request.authorization;
    this.#requestHead.tenant = request.tenant;
    this.#begin(request.length, request.isGzip);
    return at + headBytes;
  }

  /** Keeps the beginning of a head until the rest comes, for a while. */
  #wait(head: Buffer, end: number): number {
    this.#cutHead = Buffer.from(head);
    this.#headDueAt = Math.min(this.#headDueAt, systemClock.monotonicMs() + idleMs);
    this.dueAt = this.#headDueAt;
    this.#watch.add(this);
    return end;
  }

  #handOver(bytes: Buffer): void {
    this.#over = true;
    this.#rim.handOver(bytes);
  }

  #begin(length: number, isGzip: boolean): void {
    const intake = this.#ports.access.admit(this.#requestHead);
    const inbound = new Inbound(this.#ports, 'http_protobuf', this.#sender, intake);
    this.#inbound = inbound;
    this.#length = length;
    this.#left = length;
    this.#isGzip = isGzip;
    this.bodyAt = this.#watch.listenedMs;
    this.dueAt = systemClock.monotonicMs() + maxRequestMs;
    this.#watch.add(this);
    this.#settle(inbound.expect(length, !isGzip));
    if (length === 0) this.#complete();
  }

  #body(bytes: Buffer, at: number, end: number): number {
    const length = Math.min(end - at, this.#left);
    this.#left -= length;
    if (!this.#refused) this.#settle(this.#inbound?.put(bytes, at, at + length));
    if (this.#left === 0) this.#complete();
    return at + length;
  }

  /** All of the body has come. */
  #complete(): void {
    const inbound = this.#inbound as Inbound;
    this.bodyAt = Number.POSITIVE_INFINITY;
    if (this.#refused) {
      this.#end(undefined);
      return;
    }
    const receipt = this.#isGzip ? this.#unpack(inbound) : this.#deliver(inbound);
    if (receipt instanceof Promise) void this.#await(inbound, receipt);
    else this.#end(receipt);
  }

  async #unpack(inbound: Inbound): Promise<Receipt | Refusal> {
    const inflated = await inbound.unpack('gzip');
    if (inflated instanceof Refusal || this.#inbound !== inbound) return inflated as Refusal;
    return this.#deliver(inbound, messageOf(inflated.parts));
  }

  #deliver(inbound: Inbound, message?: Message): Receipt | Refusal | Promise<Receipt | Refusal> {
    return inbound.deliver(message, () => {
      this.touchedAt = this.#watch.now;
    });
  }

  async #await(inbound: Inbound, promise: Promise<Receipt | Refusal>): Promise<void> {
    this.#isAtWork = true;
    const receipt = await promise;
    if (this.#inbound !== inbound) return;
    this.#isAtWork = false;
    this.#end(this.#refused ? undefined : receipt);
    // In one piece, so that whatever of it is for node:http goes there whole; what follows another that takes turns is
    // kept again.
    const ahead = this.#ahead.take();
    this.read(ahead, ahead.length);
  }

  /** The request is over; `receipt`: what it is answered with, if it is not yet. */
  #end(receipt: Receipt | Refusal | undefined): void {
    if (receipt instanceof Refusal) this.#refuse(receipt);
    else if (receipt !== undefined) this.#answer(receipt);
    this.#release();
    if (this.#closing) this.#finished();
  }

  #answer(receipt: Receipt): void {
    const { unixMs } = this.#watch;
    if (isFullSuccess(receipt) && !this.#closing) this.#rim.send(writeFullSuccess(unixMs));
    else this.#rim.send(writeAnswer(receiptAnswer('protobuf', receipt), unixMs, this.#closing));
  }

  #settle(refusal: Refusal | undefined): void {
    if (refusal !== undefined) this.#refuse(refusal);
  }

  #refuse(refusal: Refusal): void {
    this.#refused = true;
    const inbound = this.#inbound as Inbound;
    inbound.refused(refusal, this.#length);
    inbound.close();
    const { unixMs } = this.#watch;
    if (this.#closing) this.#rim.send(writeAnswer(refusalAnswer('protobuf', refusal), unixMs, true));
    else this.#rim.send(writeRefusal(refusal, unixMs));
    if (this.#closing) this.#finished();
  }

  /** Nobody knows yet in which type the sender would like to be told. */
  #refuseHead(refusal: Refusal): void {
    refused(this.#ports, refusal, this.#sender);
    this.#rim.send(writeAnswer(refusalAnswer(undefined, refusal), this.#watch.unixMs, true));
    this.#finished();
  }

  #release(): void {
    this.#watch.delete(this);
    this.#cutHead = undefined;
    this.#inbound?.close();
    this.#inbound = undefined;
    this.#idleSince = this.#watch.now;
    this.bodyAt = Number.POSITIVE_INFINITY;
    this.#isAtWork = false;
    this.#refused = false;
  }
}
