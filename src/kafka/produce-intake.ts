import { TooManySpansError } from '../decode/slice-table.ts';
import { Refusal } from '../errors.ts';
import type { Answer, Intake, Message, Receipt } from '../model/intake.ts';
import type { Produced, Protocol } from '../model/outcome.ts';
import { MalformedError } from '../wire/reader.ts';
import type { Outbox } from './outbox.ts';
import { type Split, TooMuchError, type TraceSplitter } from './split.ts';

/** Kept from one request to the next; for a larger one there is memory of its own. */
const usualBytes = 1024 * 1024;

/**
 * Where receivers hand requests when brokers are to have them: cut by trace, and answered when the brokers have all of
 * it. What waits for them is bounded; beyond it senders are told to try again.
 */
export class ProduceIntake implements Intake {
  readonly #splitter: TraceSplitter;
  readonly #outbox: Outbox;
  readonly #maxBytes: number;
  readonly #onProduced: (produced: Produced) => void;
  #scratch = new Uint8Array(0);
  #closed = false;

  constructor(splitter: TraceSplitter, outbox: Outbox, maxBytes: number, onProduced: (produced: Produced) => void) {
    this.#splitter = splitter;
    this.#outbox = outbox;
    this.#maxBytes = maxBytes;
    this.#onProduced = onProduced;
  }

  refuses(length: number): Refusal | undefined {
    if (this.#closed) return new Refusal('draining', 'the gateway is shutting down: send again, to another one');
    if (length > this.#maxBytes)
      return tooLarge(`a request of ${length} bytes; at most ${this.#maxBytes} (kafka.max_bytes)`);
    return this.#outbox.fits(length) ? undefined : full();
  }

  /** From now on nothing comes in; what did is answered. */
  close(): void {
    this.#closed = true;
  }

  accept(message: Message, protocol: Protocol): Answer {
    const refusal = this.refuses(message.length);
    if (refusal !== undefined) return refusal;
    if (this.#scratch.length < message.length)
      this.#scratch = new Uint8Array(Math.max(message.length, Math.min(usualBytes, 2 * message.length)));
    message.copyTo(this.#scratch, 0);
    try {
      return this.#put(this.#splitter.split(this.#scratch, 0, message.length), message.length, protocol);
    } catch (error) {
      return refusalFor(error);
    } finally {
      if (this.#scratch.length > usualBytes) this.#scratch = new Uint8Array(0);
    }
  }

  *acceptInSteps(message: Message, protocol: Protocol, isGone: () => boolean): Generator<undefined, Answer> {
    const { length } = message;
    const refusal = this.refuses(length);
    if (refusal !== undefined) return refusal;
    const bytes = new Uint8Array(length);
    message.copyTo(bytes, 0);
    const work = this.#splitter.inSteps(bytes, 0, length);
    try {
      for (;;) {
        const step = work.next();
        if (step.done === true) return this.#put(step.value, length, protocol);
        yield;
        if (isGone()) return new Refusal('timeout', 'the sender went away');
      }
    } catch (error) {
      return refusalFor(error);
    }
  }

  async #put(split: Split, bytes: number, protocol: Protocol): Promise<Receipt | Refusal> {
    const { records, invalid, reason } = split;
    const spans = split.spans + invalid;
    const outBytes = records.reduce((sum, { value }) => sum + value.length, 0);
    if (!this.#outbox.fits(outBytes)) return full();
    const failure = await this.#outbox.put(records);
    if (failure !== undefined)
      // Names and addresses of brokers are none of the sender's business.
      return new Refusal(
        'broker_unavailable',
        "the Kafka brokers did not take it: try again later; the gateway's log says why",
      );
    this.#onProduced({ protocol, bytes, spans, invalid });
    if (invalid === 0) return { spans, rejectedSpans: 0, message: '' };
    return {
      spans,
      rejectedSpans: invalid,
      message: `${invalid} spans are not valid OTLP and were not taken; the first: ${reason}`,
    };
  }
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof MalformedError) return new Refusal('malformed', error.message);
  if (error instanceof TooManySpansError || error instanceof TooMuchError) return tooLarge(error.message);
  throw error;
}

const tooLarge = (why: string): Refusal => new Refusal('too_large', why);

const full = (): Refusal =>
  new Refusal(
    'broker_behind',
    'the Kafka brokers are behind, and what may wait for them does (kafka.max_bytes): try again later',
  );
