import type { Member } from '../../model/member.ts';
import type { DnsQuestion } from '../options.ts';
import { inOrder, isSame, type MembersWatch, type OnMembers, type TellOfMembers } from './list.ts';
import type { AskDns } from './resolve.ts';
import { realSurroundings, type Surroundings } from './surroundings.ts';

interface DnsTiming {
  /** The longest that one question may take, all names and retries together. */
  readonly patienceMs: number;
  /** Questions come no faster, whatever the TTL says; and as fast until the first answer. */
  readonly leastMs: number;
}

const usualTiming: DnsTiming = { patienceMs: 10_000, leastMs: 1_000 };

/**
 * Asks a name server again and again, every `refreshMs` or as soon as the answer's time to live is over, give or take a
 * tenth, so that a fleet does not ask all at once. Where there is no answer, or none with a member in it, the last list
 * stays: a gateway that cannot see others must not take what is theirs.
 */
export class DnsMembers implements MembersWatch {
  readonly #ask: AskDns;
  readonly #timing: DnsTiming;
  readonly #world: Surroundings;
  readonly #stopping = new AbortController();
  #last: readonly Member[] = [];

  constructor(ask: AskDns, timing = usualTiming, world = realSurroundings) {
    this.#ask = ask;
    this.#timing = timing;
    this.#world = world;
  }

  start(question: DnsQuestion, onChange: OnMembers, tell: TellOfMembers): this {
    void this.#watch(question, onChange, tell);
    return this;
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return Promise.resolve();
  }

  async #watch(question: DnsQuestion, onChange: OnMembers, tell: TellOfMembers): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const ttlMs = await this.#once(question, onChange, tell);
      const isNew = this.#last.length === 0;
      const pause = Math.max(this.#timing.leastMs, isNew ? 0 : Math.min(question.refreshMs, ttlMs));
      await this.#world.sleep(pause * (0.9 + this.#world.random() / 5), signal).catch(() => {});
    }
  }

  /** How long the answer holds. */
  async #once(question: DnsQuestion, onChange: OnMembers, tell: TellOfMembers): Promise<number> {
    const { signal: stopping } = this.#stopping;
    const enough = new AbortController();
    const patience = setTimeout(() => enough.abort(), this.#timing.patienceMs).unref();
    try {
      const { members, ttlMs = Number.POSITIVE_INFINITY } = await this.#ask(
        question,
        AbortSignal.any([stopping, enough.signal]),
      );
      if (stopping.aborted) return ttlMs;
      const next = inOrder(members);
      tell.answered();
      if (!isSame(next, this.#last)) onChange((this.#last = next));
      return ttlMs;
    } catch (error) {
      if (!stopping.aborted) tell.failed(error as Error);
      return Number.POSITIVE_INFINITY;
    } finally {
      clearTimeout(patience);
    }
  }
}
