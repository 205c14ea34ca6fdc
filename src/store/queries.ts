import { systemClock } from '../clock.ts';
import { inTime, late } from '../in-time.ts';
import type { TempoAnswer, TempoRequest } from './messages.ts';
import { plain } from './respond.ts';

/** A question under way in the store's thread. */
export interface Asked {
  readonly answer: Promise<TempoAnswer>;
  /** Nobody waits for it any more: it ends at its next step, and `answer` settles then. */
  abandon(): void;
}

export interface QueryLimits {
  /** In the store's thread at a time: so many take turns. */
  readonly maxRunning: number;
  readonly maxWaiting: number;
  /** From when it was asked. */
  readonly timeoutMs: number;
  /** Of answers that their askers have not read yet. */
  readonly maxUnreadBytes: number;
}

/** Grafana asks for tags, values and a search together, and once a panel of a dashboard. */
export const usualLimits: QueryLimits = {
  maxRunning: 4,
  maxWaiting: 60,
  timeoutMs: 30_000,
  maxUnreadBytes: 64 * 1024 * 1024,
};

const gone = plain(499, 'nobody waits for the answer');

/** Bounds what questions cost: how many are under way, for how long, and how much of answers lies about. */
export class Queries {
  readonly #ask: (request: TempoRequest) => Asked;
  readonly #limits: QueryLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #unreadBytes = 0;

  constructor(ask: (request: TempoRequest) => Asked, limits: QueryLimits) {
    this.#ask = ask;
    this.#limits = limits;
  }

  /**
   * The answer, 429 where too much is under way, or 504 where it took too long. `over` is aborted when the asker has the
   * answer, or is gone. Rejects where the store cannot be asked.
   */
  async answer(request: TempoRequest, over?: AbortSignal): Promise<TempoAnswer> {
    const { maxRunning, maxWaiting, maxUnreadBytes, timeoutMs } = this.#limits;
    const isFull = this.#running >= maxRunning && this.#waiting.length >= maxWaiting;
    if (isFull || this.#unreadBytes > maxUnreadBytes) return tooMany;
    const deadlineMs = systemClock.monotonicMs() + timeoutMs;
    if (this.#running < maxRunning) this.#running++;
    else if (!(await this.#turn(deadlineMs, over))) return over?.aborted ? gone : tooLate(timeoutMs);
    return this.#run(request, deadlineMs, over);
  }

  async #run(request: TempoRequest, deadlineMs: number, over: AbortSignal | undefined): Promise<TempoAnswer> {
    const { answer, abandon } = this.#ask(request);
    // Its place is free when the thread is done with it, which an abandoned one is after its step.
    void answer.then(
      () => this.#next(),
      () => this.#next(),
    );
    const came = await inTime(unlessOver(answer, over), deadlineMs - systemClock.monotonicMs());
    if (came !== late && came !== gone) return this.#unread(came, over);
    abandon();
    return came === late ? tooLate(this.#limits.timeoutMs) : gone;
  }

  /** Waits for a place until `deadlineMs`; false where it did not come, or nobody needs it any more. */
  async #turn(deadlineMs: number, over: AbortSignal | undefined): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const came = await inTime(unlessOver(promise, over), deadlineMs - systemClock.monotonicMs());
    if (came !== late && came !== gone) return true;
    const at = this.#waiting.indexOf(resolve);
    // Where its turn came at the same moment, the place goes on to the next.
    if (at >= 0) this.#waiting.splice(at, 1);
    else this.#next();
    return false;
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  #unread(answer: TempoAnswer, over: AbortSignal | undefined): TempoAnswer {
    if (over === undefined || over.aborted) return answer;
    const bytes = answer.body.length;
    this.#unreadBytes += bytes;
    over.addEventListener('abort', () => (this.#unreadBytes -= bytes), { once: true });
    return answer;
  }
}

/** As Tempo answers when a tenant asks too much at a time, and when its query timeout is over. */
const tooMany: TempoAnswer = {
  ...plain(429, 'too many questions to the store at a time: try again'),
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' },
};

const tooLate = (timeoutMs: number): TempoAnswer =>
  plain(
    504,
    `the store had no answer after ${timeoutMs / 1000} s: ask for a shorter time (start, end) or with more conditions`,
  );

async function unlessOver<T>(answer: Promise<T>, over: AbortSignal | undefined): Promise<T | typeof gone> {
  if (over === undefined) return answer;
  const { promise, resolve } = Promise.withResolvers<typeof gone>();
  const leave = () => resolve(gone);
  if (over.aborted) leave();
  over.addEventListener('abort', leave);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    over.removeEventListener('abort', leave);
  }
}
