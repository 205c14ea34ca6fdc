import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { type Backoff, nextIndex, pauseAfter } from '../consul/blocking-query.ts';
import type { KvEntry } from './rules-keys.ts';
import type { Source, SourceListener } from './source.ts';

/** What Consul said about all keys of a folder, in one read. */
export interface ConsulAnswer {
  /** X-Consul-Index: of the newest change in the folder, deletions included. */
  readonly index: bigint;
  readonly entries: readonly KvEntry[];
  /** The token may not see all of it. */
  readonly filtered: boolean;
  /**
   * Why what was said cannot be rules, to follow the folder's name: `/key:line: why`, `: why`. `entries` are empty
   * then.
   */
  readonly unusable?: string | undefined;
}

/**
 * One blocking query: answers when the folder's index passes `index`, or about when `waitMs` is over; 0n answers at
 * once.
 */
export type ReadFolder = (index: bigint, waitMs: number, signal: AbortSignal) => Promise<ConsulAnswer>;

interface ConsulTiming extends Backoff {
  readonly waitMs: number;
  /** Reads that may follow each other at once, and how long one of them takes to be allowed again. */
  readonly burst: number;
  readonly refillMs: number;
}

const usualTiming: ConsulTiming = { waitMs: 25_000, backoffMs: 250, maxBackoffMs: 30_000, burst: 4, refillMs: 500 };

/**
 * A question that waits is answered by the rights of when it was asked, so while keys are hidden it must not wait long.
 */
const filteredWaitMs = 1_000;

/** What the loop needs from outside: the tests turn these by hand. */
interface Surroundings {
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const realSurroundings: Surroundings = {
  now: systemClock.monotonicMs,
  random: Math.random,
  sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }),
};

/**
 * Watches a folder of Consul's KV store by one blocking query after another. Whatever goes wrong, it tries again for
 * ever; the rules for the index are those of developer.hashicorp.com/consul/api-docs/features/blocking.
 */
export class ConsulSource implements Source<ConsulAnswer> {
  readonly name: string;
  readonly #read: ReadFolder;
  readonly #timing: ConsulTiming;
  readonly #world: Surroundings;
  readonly #stopping = new AbortController();
  #interrupt = new AbortController();
  #index = 0n;
  #waitMs: number;
  #failures = 0;
  #seen: string | undefined;
  #tokens: number;
  #refilledAt: number;

  constructor(folder: string, read: ReadFolder, timing = usualTiming, world = realSurroundings) {
    this.name = `consul:${folder}`;
    this.#read = read;
    this.#timing = timing;
    this.#waitMs = timing.waitMs;
    this.#world = world;
    this.#tokens = timing.burst;
    this.#refilledAt = world.now();
  }

  start(listener: SourceListener<ConsulAnswer>): void {
    void this.#watch(listener);
  }

  stop(): void {
    this.#stopping.abort();
    this.#interrupt.abort();
  }

  refresh(): void {
    this.#index = 0n;
    this.#interrupt.abort();
  }

  async #watch(listener: SourceListener<ConsulAnswer>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#interrupt = new AbortController();
      const { signal } = this.#interrupt;
      try {
        await this.#once(listener, signal);
      } catch (error) {
        if (!signal.aborted) await this.#backOff(error as Error, listener, signal);
      }
    }
  }

  async #once(listener: SourceListener<ConsulAnswer>, signal: AbortSignal): Promise<void> {
    await this.#takeTurn(signal);
    const answer = await this.#read(this.#index, this.#waitMs, signal);
    if (signal.aborted) return;
    this.#failures = 0;
    this.#index = nextIndex(this.#index, answer.index);
    this.#waitMs = answer.filtered ? filteredWaitMs : this.#timing.waitMs;
    listener.answered(Number(answer.index));
    const content = JSON.stringify([answer.entries, answer.filtered, answer.unusable]);
    if (content === this.#seen) return;
    this.#seen = content;
    listener.changed(answer);
  }

  /** An index of before the failure may be one of another life of Consul: start anew. */
  async #backOff(error: Error, listener: SourceListener<ConsulAnswer>, signal: AbortSignal): Promise<void> {
    this.#index = 0n;
    const pauseMs = pauseAfter(this.#failures++, this.#timing, this.#world.random());
    listener.failed(error);
    await this.#world.sleep(pauseMs, signal).catch(() => {});
  }

  /**
   * Something else under the folder may change without end, or a proxy never block: a few reads at once, then at an
   * even pace.
   */
  async #takeTurn(signal: AbortSignal): Promise<void> {
    const { burst, refillMs } = this.#timing;
    const passed = (this.#world.now() - this.#refilledAt) / refillMs;
    this.#tokens = Math.min(burst, this.#tokens + passed);
    this.#refilledAt = this.#world.now();
    if (this.#tokens < 1) await this.#world.sleep((1 - this.#tokens) * refillMs, signal);
    this.#tokens -= 1;
  }
}
