import { type Backoff, nextIndex, pauseAfter } from '../../consul/blocking-query.ts';
import type { Member } from '../../model/member.ts';
import type { ReadMembers } from './consul-read.ts';
import { inOrder, isSame, type MembersWatch, type OnMembers, type TellOfMembers } from './list.ts';
import { realSurroundings, type Surroundings } from './surroundings.ts';

interface WatchTiming extends Backoff {
  readonly waitMs: number;
  /** Of questions that are answered at once: a registry that changes without end, or a proxy that never blocks. */
  readonly leastMs: number;
}

const usualTiming: WatchTiming = { waitMs: 25_000, backoffMs: 250, maxBackoffMs: 10_000, leastMs: 200 };

/**
 * Watches who is registered in Consul and passes, by one blocking query after another; the rules for the index are those
 * of developer.hashicorp.com/consul/api-docs/features/blocking. No answer, an answer that is filtered by rights, or one
 * without any member keeps the last list: Consul that has just lost its data must not scatter a fleet.
 */
export class ConsulMembers implements MembersWatch {
  readonly #read: ReadMembers;
  readonly #timing: WatchTiming;
  readonly #world: Surroundings;
  readonly #stopping = new AbortController();
  #index = 0n;
  #failures = 0;
  #last: readonly Member[] = [];

  constructor(read: ReadMembers, timing = usualTiming, world = realSurroundings) {
    this.#read = read;
    this.#timing = timing;
    this.#world = world;
  }

  start(onChange: OnMembers, tell: TellOfMembers): this {
    void this.#watch(onChange, tell);
    return this;
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return Promise.resolve();
  }

  async #watch(onChange: OnMembers, tell: TellOfMembers): Promise<void> {
    const { signal } = this.#stopping;
    const { leastMs } = this.#timing;
    while (!signal.aborted) {
      let pauseMs = leastMs;
      try {
        await this.#once(onChange, tell);
      } catch (error) {
        if (signal.aborted) return;
        pauseMs = this.#backOff();
        tell.failed(error as Error);
      }
      await this.#world.sleep(pauseMs, signal).catch(() => {});
    }
  }

  async #once(onChange: OnMembers, tell: TellOfMembers): Promise<void> {
    const { signal } = this.#stopping;
    const { index, members, isFiltered } = await this.#read(this.#index, this.#timing.waitMs, signal);
    if (signal.aborted) return;
    if (isFiltered) throw new Error('the token may not see every member: it needs `read` on the service and on nodes');
    this.#failures = 0;
    this.#index = nextIndex(this.#index, index);
    // What an anonymous token may not see is left out without a word.
    if (members.length === 0) return tell.failed(new Error('no member is registered and passes, or none may be seen'));
    const next = inOrder(members);
    tell.answered();
    if (isSame(next, this.#last)) return;
    this.#last = next;
    onChange(next);
  }

  /** An index of before the failure may be one of another life of Consul: start anew. */
  #backOff(): number {
    this.#index = 0n;
    return pauseAfter(this.#failures++, this.#timing, this.#world.random());
  }
}
