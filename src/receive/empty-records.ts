import { Allowance } from './http2/allowance.ts';

/** A connection through TLS, by bytes: of the wire, and of what came of them, in so many reads of a record each. */
interface Watched {
  readonly wireBytes: () => number;
  readonly dataBytes: () => number;
  readonly reads: () => number;
  readonly end: () => void;
}

/** More than any record has around its data (RFC 5246, 6.2.3.2; RFC 8446, 5.2). */
const aroundBytes = 128;
/** Of what is no data: a few thousand changes of keys, or tickets and alerts, at once, and what they cost is little. */
const burstBytes = 64 * 1024;
/** And for ever, 150 changes of keys: of a processor's time that is four milliseconds. */
const bytesPerSecond = 4 * 1024;
const everyMs = 1000;

interface Account extends Watched {
  /** Bytes beyond what its data needs, when it was last looked at. */
  surplus: number;
  readonly allowance: Allowance;
}

/**
 * Ends connections whose TLS records bring no data. A change of keys (RFC 8446, 4.6.3) has 27 bytes and costs 27 µs, and
 * nothing of it comes to whoever reads the data: 8 Mbit a second of them held a core, and the event loop for half a
 * second at a time. Connections live for weeks: what they have had is forgiven with time, and what they have not had is
 * not saved up.
 */
export class EmptyRecords {
  readonly #watched = new Map<object, Account>();
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** `now`: milliseconds of the monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(key: object, watched: Watched): void {
    const allowance = new Allowance(burstBytes, bytesPerSecond, this.#now());
    this.#watched.set(key, { ...watched, surplus: surplusOf(watched), allowance });
    this.#timer ??= setInterval(() => this.look(), everyMs).unref();
  }

  delete(key: object): void {
    this.#watched.delete(key);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  look(): void {
    const now = this.#now();
    for (const watched of this.#watched.values()) {
      const surplus = surplusOf(watched);
      const more = Math.max(0, surplus - watched.surplus);
      watched.surplus = surplus;
      if (!watched.allowance.spend(more, now)) watched.end();
    }
  }
}

function surplusOf({ wireBytes, dataBytes, reads }: Watched): number {
  return wireBytes() - dataBytes() - reads() * aroundBytes;
}
