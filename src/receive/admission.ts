import { Refusal } from '../errors.ts';
import type { Peer } from './peer.ts';

export interface AdmissionLimits {
  /** One message, after decompression. */
  readonly maxRequestBytes: number;
  /** All requests that are being received or unpacked, together. */
  readonly maxInflightBytes: number;
  /** Those of one connection, together. */
  readonly maxConnectionBytes: number;
}

/** A connection: what all its requests under way hold together. */
export interface Sender {
  heldBytes: number;
  /** Who is at its other end, for whoever asks why requests are refused. */
  readonly peer?: Peer;
}

/**
 * May we take these bytes now? A budget for the memory that requests under way hold, so that a burst is refused while
 * memory is still whole. It grows with what came, never with what was announced. Every `grow` that was granted is given
 * back by `leave`.
 */
export class Admission {
  /** Bytes granted and not given back yet. */
  inflightBytes = 0;
  readonly maxRequestBytes: number;
  readonly maxInflightBytes: number;
  readonly maxConnectionBytes: number;
  /** What a request can become: beyond it, it would not fit even alone, and would be sent again for ever. */
  readonly #largestBytes: number;

  /** KiB in flight in all shards of the gateway, in one shared word; this shard's part of it. */
  readonly #shared: Int32Array | undefined;
  #sharedKiB = 0;

  /** `shared`: where other shards draw on the same budget; 4 bytes. */
  constructor(limits: AdmissionLimits, shared?: SharedArrayBuffer) {
    this.maxRequestBytes = limits.maxRequestBytes;
    this.maxInflightBytes = limits.maxInflightBytes;
    this.maxConnectionBytes = limits.maxConnectionBytes;
    this.#largestBytes = Math.min(limits.maxRequestBytes, limits.maxInflightBytes);
    this.#shared = shared && new Int32Array(shared);
  }

  /** Why a message of `bytes` need not come now; undefined = it may. Grants nothing. */
  refuses(bytes: number, sender: Sender): Refusal | undefined {
    const tooLarge = this.limit(bytes);
    if (tooLarge !== undefined) return tooLarge;
    if (this.#isBeyondShare(bytes, sender, 0)) return this.#connectionFull(sender);
    return this.#allBytes() + bytes > this.maxInflightBytes ? this.#full() : undefined;
  }

  /** How much of the budget is taken, in all shards. */
  get share(): number {
    return this.#allBytes() / this.maxInflightBytes;
  }

  /** A message that has become `bytes` long is refused for good where that is too long. */
  limit(bytes: number): Refusal | undefined {
    return bytes > this.#largestBytes ? tooLarge(bytes, this.#largestBytes) : undefined;
  }

  /**
   * Grants `bytes` more to a request that holds `ownBytes`. Alone on its connection it may go beyond the connection's
   * share: unpacked beside packed, the largest request may need more.
   */
  grow(bytes: number, sender: Sender, ownBytes: number): Refusal | undefined {
    if (ownBytes + bytes > this.maxInflightBytes) return tooLarge(ownBytes + bytes, this.maxInflightBytes);
    if (this.#isBeyondShare(bytes, sender, ownBytes)) return this.#connectionFull(sender);
    if (this.inflightBytes + bytes > this.maxInflightBytes) return this.#full();
    this.inflightBytes += bytes;
    sender.heldBytes += bytes;
    if (this.#publish() <= this.maxInflightBytes / 1024) return undefined;
    this.leave(bytes, sender);
    return this.#full();
  }

  leave(bytes: number, sender: Sender): void {
    this.inflightBytes -= bytes;
    sender.heldBytes -= bytes;
    this.#publish();
  }

  #isBeyondShare(bytes: number, { heldBytes }: Sender, ownBytes: number): boolean {
    return heldBytes > ownBytes && heldBytes + bytes > this.maxConnectionBytes;
  }

  /** Of all shards; of the others as far as they have said. */
  #allBytes(): number {
    if (this.#shared === undefined) return this.inflightBytes;
    return this.inflightBytes + (Atomics.load(this.#shared, 0) - this.#sharedKiB) * 1024;
  }

  /** Brings this shard's part of the shared word up to date; returns the whole. */
  #publish(): number {
    if (this.#shared === undefined) return 0;
    const kiB = Math.ceil(this.inflightBytes / 1024);
    const change = kiB - this.#sharedKiB;
    this.#sharedKiB = kiB;
    return Atomics.add(this.#shared, 0, change) + change;
  }

  #connectionFull({ heldBytes }: Sender): Refusal {
    const limit = this.maxConnectionBytes;
    return new Refusal('connection_full', `this connection has ${heldBytes} bytes in flight of at most ${limit}`);
  }

  #full(): Refusal {
    return new Refusal('inflight_full', `${this.inflightBytes} bytes in flight of at most ${this.maxInflightBytes}`);
  }
}

const tooLarge = (bytes: number, limit: number): Refusal =>
  new Refusal('too_large', `request of ${bytes} bytes or more; the limit is ${limit} after decompression`);
