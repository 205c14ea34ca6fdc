import { Refusal, refusals } from '../errors.ts';
import type { Answer, Intake, Message, Receipt } from '../model/intake.ts';
import type { Protocol } from '../model/outcome.ts';
import type { Sender } from './admission.ts';
import type { Encoding } from './encodings.ts';
import { type Inflated, inflate, maxBytesAtOnce } from './inflate.ts';
import { type Payer, Pieces } from './pieces.ts';
import type { Ports } from './receiver.ts';
import { leftOut, refused } from './refused.ts';
import { turns } from './turns.ts';

/**
 * One request on its way in: what has come of it, and what it holds of the admission budget, which is the memory that
 * was taken for it and not what it says that it will be. Whatever happens to the request, `close` gives back exactly
 * what is still held, so nothing leaks and nothing is given back twice.
 */
export class Inbound implements Payer {
  readonly #ports: Ports;
  readonly #protocol: Protocol;
  readonly #sender: Sender;
  readonly #intake: Intake | Refusal;
  readonly #pieces = new Pieces(this);
  #claimedBytes = 0;
  #chargedBytes = 0;
  #isClosed = false;

  /** `intake`: what the access said to the request; where that is a Refusal, nothing of it is taken. */
  constructor(ports: Ports, protocol: Protocol, sender: Sender, intake: Intake | Refusal) {
    this.#ports = ports;
    this.#protocol = protocol;
    this.#sender = sender;
    this.#intake = intake;
    this.#pieces.limit = ports.admission.maxRequestBytes;
  }

  /** Bytes of the body that have come. */
  get length(): number {
    return this.#pieces.length;
  }

  /**
   * Why a body of `length` bytes need not come; undefined = it may. -1: it does not say how long it is. `isMessage`: it
   * is what will lie in the buffer, neither packed nor JSON.
   */
  expect(length: number, isMessage: boolean): Refusal | undefined {
    const { admission } = this.#ports;
    const intake = this.#intake;
    if (intake instanceof Refusal) return intake;
    if (length >= 0) this.#pieces.limit = length;
    const atLeast = Math.max(1, length);
    if (intake.overload) return admission.limit(atLeast) ?? overloaded(intake.overload);
    return admission.refuses(atLeast, this.#sender) ?? intake.refuses(isMessage ? atLeast : 1);
  }

  /** bytes[start, end) came, and stay where they are until `keep`. */
  put(bytes: Buffer, start: number, end: number): Refusal | undefined {
    const tooLarge = this.#ports.admission.limit(this.#pieces.length + end - start);
    return tooLarge ?? this.#pieces.put(bytes, start, end);
  }

  /** The read is over: what came with it is kept. */
  keep(): Refusal | undefined {
    return this.#isClosed ? undefined : this.#pieces.keep();
  }

  /** Memory for so much more of the request. */
  claim(bytes: number): Refusal | undefined {
    const refusal = this.#ports.admission.grow(bytes, this.#sender, this.#claimedBytes);
    if (refusal === undefined) this.#claimedBytes += bytes;
    return refusal;
  }

  /**
   * All has come: hands it to the intake, or `message`, which it has become; a large one in turns with others, as long
   * as this request is open. `waits` is called in each of them.
   */
  deliver(message: Message = this.#pieces, waits = (): void => {}): Answer {
    const intake = this.#intake;
    if (intake instanceof Refusal) return intake;
    this.#charge(message.length);
    if (message.length > maxBytesAtOnce) return this.#deliverInTurns(intake, message, waits);
    try {
      const answer = intake.accept(message, this.#protocol);
      return answer instanceof Promise ? this.#whenAnswered(answer) : this.#tellRejected(answer);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Whoever took the message has a copy: what came need not be kept until the answer, only paid for. */
  #whenAnswered(answer: Promise<Receipt | Refusal>): Promise<Receipt | Refusal> {
    this.#pieces.free();
    return answer.then(
      (it) => this.#tellRejected(it),
      (error) => this.failed(error),
    );
  }

  async #deliverInTurns(intake: Intake, message: Message, waits: () => void): Promise<Receipt | Refusal> {
    const refusal = this.#pieces.keep();
    if (refusal !== undefined) return refusal;
    // Written to its place in the first step, so a request that is closed before has nothing any more to write.
    // From then on it goes to its end, whoever is gone: part of it may be in the buffer.
    const isOver = (): boolean => {
      waits();
      return false;
    };
    const answer = (await turns.take(this.#ifOpen(intake, message), isOver)) as Answer;
    return answer instanceof Promise ? this.#whenAnswered(answer) : this.#tellRejected(answer);
  }

  *#ifOpen(intake: Intake, message: Message): Generator<undefined, Answer> {
    if (this.#isClosed) return new Refusal('timeout', 'the sender went away');
    try {
      return yield* intake.acceptInSteps(message, this.#protocol, () => this.#isClosed);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** All has come, packed; what is unpacked of it is claimed as it comes. */
  async unpack(encoding: Encoding): Promise<Inflated | Refusal> {
    const packed = this.#packed();
    if (packed instanceof Refusal) return packed;
    let unpackedBytes = packed.reduce((sum, part) => sum + part.length, 0);
    const inflated = await inflate(encoding, packed, (extraBytes, bytes) => {
      if (this.#isClosed) return new Refusal('timeout', 'the sender went away');
      unpackedBytes = bytes;
      return this.#ports.admission.limit(bytes) ?? this.claim(extraBytes);
    });
    this.#charge(inflated instanceof Refusal ? unpackedBytes : inflated.length);
    return inflated;
  }

  /** All has come: part by part, each the reader's until it asks for the next. */
  drain(): Iterable<Uint8Array> {
    this.#charge(this.#pieces.length);
    return this.#pieces.drain();
  }

  /** A fault of ours: it goes to the log, and the sender is told no more than that. */
  failed(error: unknown): Refusal {
    this.#ports.onError?.(error);
    return new Refusal('internal', 'the gateway failed on this request');
  }

  /** Counts the request as refused; what may come again is paid for when it is taken. */
  refused(refusal: Refusal, bytes: number): void {
    if (refusals[refusal.reason].retryable) this.#giveBackCharge();
    refused(this.#ports, refusal, { bytes, peer: this.#sender.peer, tenant: this.#tenant });
  }

  /** Whoever runs the gateway is to hear of spans that were left out of a request. */
  #tellRejected(answer: Receipt | Refusal): Receipt | Refusal {
    const left = leftOut(answer);
    if (left !== undefined) this.#ports.onRefused?.({ ...left, tenant: this.#tenant, peer: this.#sender.peer });
    return answer;
  }

  get #tenant(): string {
    return this.#intake instanceof Refusal ? '' : (this.#intake.tenant ?? '');
  }

  /** Gives back everything still held; safe to call again. */
  close(): void {
    this.#isClosed = true;
    this.#pieces.free();
    if (this.#claimedBytes > 0) this.#ports.admission.leave(this.#claimedBytes, this.#sender);
    this.#claimedBytes = 0;
  }

  /** Its tenant pays for the most that it has been: what came, what that was unpacked, or the message it became. */
  #charge(bytes: number): void {
    if (this.#intake instanceof Refusal || bytes <= this.#chargedBytes) return;
    this.#intake.charge?.(bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
  }

  #giveBackCharge(): void {
    if (this.#intake instanceof Refusal || this.#chargedBytes === 0) return;
    this.#intake.charge?.(-this.#chargedBytes);
    this.#chargedBytes = 0;
  }

  /** In one part where it is unpacked at once: it must outlive the read, and may have to wait for its turn. */
  #packed(): readonly Uint8Array[] | Refusal {
    const { length } = this.#pieces;
    if (length > maxBytesAtOnce) return this.#pieces.keep() ?? this.#pieces.parts();
    const refusal = length > this.#claimedBytes ? this.claim(length - this.#claimedBytes) : undefined;
    if (refusal !== undefined) return refusal;
    const whole = Buffer.allocUnsafe(length);
    this.#pieces.copyTo(whole, 0);
    this.#pieces.free();
    return [whole];
  }
}

const overloaded = (cause: string): Refusal => new Refusal('overloaded', `too much to do (${cause}): try again later`);
