/** What a round of the event loop may spend on reads, and again on reads that had to wait. */
export const roundMs = 5;
/** Bytes of a round; beyond them each connection has one read more at most. Two to three milliseconds' honest work. */
const roundBytes = 1024 * 1024;
/** A read that took so long may have been interrupted: for so many rounds the thread's CPU time is looked at, too. */
const suspiciousMs = 1;
const waryRounds = 100;

/**
 * Shares out the event loop's time between connections that are read. What a read brings costs its sender next to
 * nothing to write and can cost us a hundred times as much to serve as the usual: so it is time that is counted, and
 * who comes when a round's is gone waits for the next one, first come first served. Timers and what is due have their
 * turn in between.
 */
export class ReadRounds {
  readonly #now: () => number;
  readonly #cpuMs: () => number;
  readonly #nextRound: (run: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  #spentMs = 0;
  #bytes = 0;
  /** The thread's CPU time when the round began; NaN before its first read, and where nobody asks. */
  #cpuAt = Number.NaN;
  #wary = 0;
  #isAsked = false;

  /**
   * `now`: milliseconds of the monotonic clock; `cpuMs`: of this thread's CPU time; `nextRound` runs something in the
   * next round, as setImmediate does.
   */
  constructor(now: () => number, cpuMs: () => number, nextRound: (run: () => void) => void) {
    this.#now = now;
    this.#cpuMs = cpuMs;
    this.#nextRound = nextRound;
  }

  /** Nothing more is to be served in this round. */
  get isSpent(): boolean {
    return this.#spentMs >= roundMs;
  }

  /** A connection that has been served in this round is to be left until the next one. */
  get isLong(): boolean {
    return this.isSpent || this.#bytes >= roundBytes;
  }

  /** Before a read is served; its result is for `end`. */
  begin(): number {
    this.#ask();
    if (this.#wary > 0 && Number.isNaN(this.#cpuAt)) this.#cpuAt = this.#cpuMs();
    return this.#now();
  }

  /**
   * After it; returns the milliseconds that it took. What looks long may be others' doing, who had the processor: it was
   * no more than the thread has worked in this round. To ask is a system call, so it is asked while that happens.
   */
  end(begun: number, bytes: number): number {
    let tookMs = this.#now() - begun;
    if (tookMs >= suspiciousMs) {
      this.#wary = waryRounds;
      if (!Number.isNaN(this.#cpuAt)) tookMs = Math.min(tookMs, this.#cpuMs() - this.#cpuAt);
    }
    this.#spentMs += tookMs;
    this.#bytes += bytes;
    return tookMs;
  }

  /** `serve` runs in one of the next rounds. */
  wait(serve: () => void): void {
    this.#waiting.push(serve);
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#nextRound(this.#begin);
  }

  readonly #begin = (): void => {
    this.#isAsked = false;
    this.#reset();
    let served = 0;
    while (served < this.#waiting.length && !this.isSpent) this.#waiting[served++]();
    if (served === 0) return;
    this.#waiting.splice(0, served);
    // What is read now has a time of its own.
    this.#reset();
    if (this.#waiting.length > 0) this.#ask();
  };

  #reset(): void {
    this.#spentMs = 0;
    this.#bytes = 0;
    this.#cpuAt = Number.NaN;
    if (this.#wary > 0) this.#wary--;
  }
}
