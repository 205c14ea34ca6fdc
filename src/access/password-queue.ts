import { setTimeout as sleep } from 'node:timers/promises';
import { ComparingThread } from './comparing-thread.ts';

/** Whether `password` is the one of `hash`; slow. */
type Compare = (password: string, hash: string) => Promise<boolean>;

interface Job {
  readonly password: string;
  readonly hash: string;
  readonly learn: (isRight: boolean) => void;
  readonly done: PromiseWithResolvers<void>;
}

/** Addresses whose turn is still to come. */
const mostWaiting = 256;
/** Whoever was wrong waits so long for the next one to be compared. */
const pauseAfterWrongMs = 1000;
/** Addresses that were wrong a moment ago and are remembered for it. */
const mostWrong = 1024;

/**
 * Passwords that wait to be compared with a slow hash: one of an address, in the order in which the addresses came, one
 * at a time, on a thread that gives way to all others. So whoever guesses holds nobody up but those who share an
 * address with it, and costs a part of one core.
 */
export class PasswordQueue {
  readonly #compare: Compare;
  readonly #pause: (ms: number) => Promise<unknown>;
  readonly #waiting = new Map<string, Job>();
  readonly #pausing = new Set<string>();
  #isAtWork = false;

  constructor(
    compare: Compare = ComparingThread.compare,
    pause = (ms: number): Promise<unknown> => sleep(ms, undefined, { ref: false }),
  ) {
    this.#compare = compare;
    this.#pause = pause;
  }

  /** `learn` is told what comes of it; where there is no room for it, never. */
  ask(address: string, password: string, hash: string, learn: (isRight: boolean) => void): void {
    if (this.#waiting.has(address) || this.#pausing.has(address) || this.#waiting.size >= mostWaiting) return;
    this.#waiting.set(address, { password, hash, learn, done: Promise.withResolvers() });
    if (!this.#isAtWork) void this.#work();
  }

  /** Resolves when nothing of the address waits any more. */
  async turnOf(address: string): Promise<void> {
    await this.#waiting.get(address)?.done.promise;
  }

  async #work(): Promise<void> {
    this.#isAtWork = true;
    for (const [address, { password, hash, learn, done }] of this.#waiting) {
      // Where the thread failed, nothing is known: the next request asks again.
      const isRight = await this.#compare(password, hash).catch(() => undefined);
      if (isRight !== undefined) learn(isRight);
      if (isRight !== true) this.#penalize(address);
      this.#waiting.delete(address);
      done.resolve();
    }
    this.#isAtWork = false;
  }

  #penalize(address: string): void {
    if (this.#pausing.size >= mostWrong) return;
    this.#pausing.add(address);
    void this.#pause(pauseAfterWrongMs).then(() => this.#pausing.delete(address));
  }
}
