import { describe } from '../export/answer.ts';
import type { Part } from '../route/split.ts';
import type { Peer, Sent } from './peer.ts';

/** Calls under way to one member; what comes meanwhile goes together with the next. */
const maxCalls = 4;
/** Of one call, where it is of several parts: under every receiver's limit. */
const maxCallBytes = 1024 * 1024;

type Away = Extract<Sent, { kind: 'unreachable' | 'uncertain' }>;

interface Waiting {
  readonly part: Part;
  readonly resolve: (sent: Sent) => void;
}

interface OutboxOptions {
  /** Sent with each call. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of one call, in whole milliseconds. */
  readonly withinMs: number;
  /** A fault of ours. */
  readonly fault: (error: unknown) => void;
}

/** What goes the same way to one member: parts of requests that come together are one call. */
export class Outbox {
  readonly #peer: () => Peer;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #withinMs: number;
  readonly #fault: (error: unknown) => void;
  #waiting: Waiting[] = [];
  #calls = 0;
  #isDue = false;

  /** `peer`: as it is reached when a call is made. */
  constructor(peer: () => Peer, { metadata, withinMs, fault }: OutboxOptions) {
    this.#peer = peer;
    this.#metadata = metadata;
    this.#withinMs = withinMs;
    this.#fault = fault;
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
    const sent = await this.#send(together.map(({ part }) => part.body));
    // Something in one of them: the others must not go with it.
    if (sent.kind === 'rejected' && together.length > 1) await this.#callEach(together);
    else for (const { resolve } of together) resolve(sent);
    this.#calls--;
    if (isAway(sent)) this.#giveBack(sent.message);
    this.#callAll();
  }

  async #callEach(together: readonly Waiting[]): Promise<void> {
    let away: Away | undefined;
    for (const { part, resolve } of together) {
      const sent: Sent = away ? { kind: 'unreachable', message: away.message } : await this.#send([part.body]);
      if (isAway(sent)) away = sent;
      resolve(sent);
    }
  }

  /** A peer answers for all that members do: what it throws is a fault of ours, and says nothing of the member. */
  async #send(bodies: readonly Uint8Array[]): Promise<Sent> {
    try {
      return await this.#peer().send(bodies, this.#metadata, this.#withinMs);
    } catch (error) {
      this.#fault(error);
      return { kind: 'denied', message: `the gateway failed to send it: ${describe(error)}` };
    }
  }

  /** What waits behind a call to a member that is away was not sent, and does not wait for its own time to pass. */
  #giveBack(message: string): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve({ kind: 'unreachable', message });
  }
}

const isAway = (sent: Sent): sent is Away =>
  sent.kind === 'unreachable' || (sent.kind === 'uncertain' && sent.isSilent);
