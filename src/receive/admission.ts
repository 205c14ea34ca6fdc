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

  /** KiB in flight in all shards of the gateway, in one shared word; this shard's part of it. */
  readonly #shared: Int32Array | undefined;
  #sharedKiB = 0;

  /** `shared`: where other shards draw on the same budget; 4 bytes. */
  constructor({ maxRequestBytes, maxInflightBytes }: AdmissionLimits, shared?: SharedArrayBuffer) {
    this.maxRequestBytes = maxRequestBytes;
    this.maxInflightBytes = maxInflightBytes;
    this.#shared = shared && new Int32Array(shared);
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
    if (this.#publish() <= this.maxInflightBytes / 1024) return undefined;
    this.leave(extraBytes);
    return this.#full();
  }

  leave(bytes: number): void {
    this.inflightBytes -= bytes;
    this.#publish();
  }

  /** Brings this shard's part of the shared word up to date; returns the whole. */
  #publish(): number {
    if (this.#shared === undefined) return 0;
    const kiB = Math.ceil(this.inflightBytes / 1024);
    const change = kiB - this.#sharedKiB;
    this.#sharedKiB = kiB;
    return Atomics.add(this.#shared, 0, change) + change;
  }

  #tooLarge(bytes: number, limit: number): Refusal {
    return new Refusal('too_large', `request of ${bytes} bytes or more; the limit is ${limit} after decompression`);
  }

  #full(): Refusal {
    return new Refusal('inflight_full', `${this.inflightBytes} bytes in flight of at most ${this.maxInflightBytes}`);
  }
}
