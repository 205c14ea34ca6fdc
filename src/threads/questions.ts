import { systemClock } from '../clock.ts';
import { Unavailable, UsageError } from '../errors.ts';
import { inTime, late } from '../in-time.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { FromThread, Question } from './messages.ts';

interface Open {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Answer = Extract<FromThread, { type: 'answer' | 'failure' }>;

/** How long whoever asks the gateway something waits for one shard. */
const answerWithinMs = 2_000;

/** Questions to the thread of one shard, each with an answer. */
export class Questions {
  readonly #shard: number;
  readonly #post: (id: number, question: Question) => void;
  readonly #abandon: (id: number) => void;
  readonly #open = new Map<number, Open>();
  #asked = 0;
  #dead: Error | undefined;
  #lastStats: { readonly stats: ShardStats; readonly at: number } | undefined;
  #nextStats: Promise<ShardStats> | undefined;

  constructor(shard: number, post: (id: number, question: Question) => void, abandon: (id: number) => void) {
    this.#abandon = abandon;
    this.#shard = shard;
    this.#post = post;
  }

  /** Waits for the answer, however long that takes: not for what a shard that stands still would hang. */
  ask<T>(question: Question): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#asked;
    const answer = new Promise((resolve, reject) => this.#open.set(id, { resolve, reject }));
    this.#post(id, question);
    return answer as Promise<T>;
  }

  /** The same; throws Unavailable where the shard is silent for too long. */
  async askInTime<T>(question: Question): Promise<T> {
    return orUnavailable(this.ask<T>(question), this.#shard);
  }

  /** The same for a question that ends when `over` is aborted: it rejects then, whatever the shard does. */
  async askUnlessOver<T>(question: Question, over: AbortSignal): Promise<T> {
    over.throwIfAborted();
    const answer = this.ask<T>(question);
    const id = this.#asked;
    const left = Promise.withResolvers<never>();
    const leave = (): void => {
      this.#abandon(id);
      left.reject(over.reason as Error);
    };
    over.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([answer, left.promise]);
    } finally {
      over.removeEventListener('abort', leave);
      answer.catch(() => {});
    }
  }

  /**
   * What the shard counts; where it is silent, what it said last and how long ago that was. There is at most one such
   * question on its way.
   */
  async stats(): Promise<ShardStats> {
    this.#nextStats ??= this.ask<ShardStats>({ ask: 'stats' }).finally(() => (this.#nextStats = undefined));
    const fresh = this.#nextStats.then((stats) => {
      this.#lastStats = { stats, at: systemClock.monotonicMs() };
      return stats;
    });
    const last = this.#lastStats;
    // A shard that is still being loaded has said nothing yet.
    if (last === undefined) return fresh;
    const silent = { ...last.stats, silentMs: systemClock.monotonicMs() - last.at };
    return orUnavailable(fresh, this.#shard).catch((error) => {
      if (error instanceof Unavailable) return silent;
      throw error;
    });
  }

  answered(message: Answer): void {
    const open = this.#open.get(message.id);
    this.#open.delete(message.id);
    if (message.type === 'answer') open?.resolve(message.value);
    else open?.reject(message.usage ? new UsageError(message.message) : new Error(message.message));
  }

  /** The thread is gone: nobody will answer any more. */
  fail(error: Error): void {
    this.#dead = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}

async function orUnavailable<T>(asked: Promise<T>, shard: number): Promise<T> {
  const answer = await inTime(asked, answerWithinMs);
  if (answer !== late) return answer;
  throw new Unavailable(`shard ${shard} did not answer within ${answerWithinMs / 1000} s: try again later`);
}
