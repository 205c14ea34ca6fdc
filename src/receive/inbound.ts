import { Refusal } from '../errors.ts';
import type { Landing, Receipt } from '../model/intake.ts';
import type { Protocol } from '../model/outcome.ts';
import { copyBytes } from '../wire/copy.ts';
import type { Ports } from './receiver.ts';

/**
 * One request on its way in: what it holds of the admission budget and of the buffer. Whatever happens to the
 * request, `close` gives back exactly what is still held, so nothing leaks and nothing is given back twice.
 */
export class Inbound {
  readonly #ports: Ports;
  readonly #protocol: Protocol;
  #claimedBytes = 0;
  #landing: Landing | undefined = undefined;

  constructor(ports: Ports, protocol: Protocol) {
    this.#ports = ports;
    this.#protocol = protocol;
  }

  /** Claims `extraBytes` for a message that is now `messageBytes` long. */
  claim(extraBytes: number, messageBytes: number): Refusal | undefined {
    const refusal = this.#ports.admission.grow(extraBytes, messageBytes);
    if (refusal === undefined) this.#claimedBytes += extraBytes;
    return refusal;
  }

  /** The place for the message; held until `accept` or `close`. */
  land(length: number): Landing | Refusal {
    try {
      const landing = this.#ports.intake.land(length);
      if (!(landing instanceof Refusal)) this.#landing = landing;
      return landing;
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Hands the landed message to the intake. */
  accept(): Receipt | Refusal {
    const landing = this.#landing as Landing;
    this.#landing = undefined;
    try {
      return this.#ports.intake.accept(landing, this.#protocol);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** Lands, copies and accepts a message that is there in parts. */
  deliver(parts: readonly Uint8Array[], length: number): Receipt | Refusal {
    const landing = this.land(length);
    if (landing instanceof Refusal) return landing;
    let at = landing.start;
    for (const part of parts) {
      copyBytes(part, 0, part.length, landing.bytes, at);
      at += part.length;
    }
    return this.accept();
  }

  /** A fault of ours: it goes to the log, and the sender is told no more than that. */
  failed(error: unknown): Refusal {
    this.#ports.onError?.(error);
    return new Refusal('internal', 'the gateway failed on this request');
  }

  /** Counts the request as refused. */
  refused(refusal: Refusal, bytes: number): void {
    this.#ports.stats.refuse(refusal.reason, bytes);
  }

  /** Gives back everything still held; safe to call again. */
  close(): void {
    if (this.#landing !== undefined) this.#ports.intake.abandon(this.#landing);
    this.#landing = undefined;
    this.#ports.admission.leave(this.#claimedBytes);
    this.#claimedBytes = 0;
  }
}
