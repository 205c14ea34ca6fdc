import { Refusal } from '../errors.ts';

export interface AdmissionLimits {
  /** One message, after decompression. */
  readonly maxRequestBytes: number;
  /** All requests that are being received or unpacked, together. */
  readonly maxInflightBytes: number;
}

/**
 * May we take these bytes now? A budget for what is in flight, counted from the first known length of a message to
 * its answer, so that a burst is refused while memory is still whole. Every `enter` and `grow` that was granted is
 * given back by `leave`.
 */
export class Admission {
  /** Bytes granted and not given back yet. */
  inflightBytes = 0;
  readonly maxRequestBytes: number;
  readonly maxInflightBytes: number;

  constructor({ maxRequestBytes, maxInflightBytes }: AdmissionLimits) {
    this.maxRequestBytes = maxRequestBytes;
    this.maxInflightBytes = maxInflightBytes;
  }

  /** Admits a message of `bytes`, or says why not. */
  enter(bytes: number): Refusal | undefined {
    return this.grow(bytes, bytes);
  }

  /** Admits `extraBytes` more of a message that has by then become `messageBytes` long. */
  grow(extraBytes: number, messageBytes: number): Refusal | undefined {
    if (messageBytes > this.maxRequestBytes) return this.#tooLarge(messageBytes, this.maxRequestBytes);
    // What could not be taken even alone would be sent again for ever.
    if (messageBytes > this.maxInflightBytes) return this.#tooLarge(messageBytes, this.maxInflightBytes);
    if (this.inflightBytes + extraBytes > this.maxInflightBytes) return this.#full();
    this.inflightBytes += extraBytes;
    return undefined;
  }

  leave(bytes: number): void {
    this.inflightBytes -= bytes;
  }

  #tooLarge(bytes: number, limit: number): Refusal {
    return new Refusal('too_large', `request of ${bytes} bytes or more; the limit is ${limit} after decompression`);
  }

  #full(): Refusal {
    return new Refusal('inflight_full', `${this.inflightBytes} bytes in flight of at most ${this.maxInflightBytes}`);
  }
}
