import type { Part } from '../route/split.ts';
import type { Peer, Sent } from './peer.ts';

/** Calls under way to one member; what comes meanwhile goes together with the next. */
const maxCalls = 4;
/** Of one call, where it is of several parts: under every receiver's limit. */
const maxCallBytes = 1024 * 1024;

interface Waiting {
  readonly part: Part;
  readonly resolve: (sent: Sent) => void;
}

/** What goes the same way to one member: parts of requests that come together are one call. */
export class Outbox {
  readonly #peer: () => Peer;
  readonly #metadata: Readonly<Record<string, string>>;
  #waiting: Waiting[] = [];
  #calls = 0;
  #isDue = false;

  /** `peer`: as it is reached when a call is made. */
  constructor(peer: () => Peer, metadata: Readonly<Record<string, string>>) {
    this.#peer = peer;
    this.#metadata = metadata;
  }

  get isIdle(): boolean {
    return this.#calls === 0 && this.#waiting.length === 0;
  }

  /** The part's bytes are lent until the answer. */
  send(part: Part): Promise<Sent> {
    return new Promise((resolve) => {
      this.#waiting.push({ part, resolve });
      if (this.#isDue) return;
      this.#isDue = true;
      // Behind all that is read in this turn of the loop.
      setImmediate(() => {
        this.#isDue = false;
        this.#callAll();
      });
    });
  }

  #callAll(): void {
    while (this.#calls < maxCalls && this.#waiting.length > 0) {
      this.#calls++;
      void this.#call(this.#next());
    }
  }

  #next(): Waiting[] {
    let bytes = 0;
    let n = 0;
    while (n < this.#waiting.length && (n === 0 || bytes + this.#waiting[n].part.body.length <= maxCallBytes))
      bytes += this.#waiting[n++].part.body.length;
    return this.#waiting.splice(0, n);
  }

  /** Messages of protobuf one after the other are one with the fields of all. */
  async #call(together: readonly Waiting[]): Promise<void> {
    const bodies = together.map(({ part }) => part.body);
    const sent = await this.#peer().send(bodies.length === 1 ? bodies[0] : Buffer.concat(bodies), this.#metadata);
    this.#calls--;
    for (const { resolve } of together) resolve(sent);
    this.#callAll();
  }
}
