import { systemClock } from '../clock.ts';
import { type Placed, Roster } from './roster.ts';

/** How long a sender may be silent in the middle of a request, and how long one request may take to arrive. */
export const idleMs = 30_000;
export const maxRequestMs = 120_000;
const sweepMs = 200;

/**
 * How slowly a body may come on average, once it has had a few seconds: the numbers of Kestrel's MinRequestBodyDataRate
 * (learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options).
 */
export const minBytesPerSecond = 240;
export const graceMs = 5_000;
/** Of a longer pause between two sweeps it was not the sender that was slow. */
const maxPauseMs = 1_000;

/** A request under way, as the watch sees it. Times are milliseconds of the monotonic clock. */
export interface Watched extends Placed {
  /** When bytes last came, by the watch's coarse clock. */
  touchedAt: number;
  readonly dueAt: number;
  /** When its body began to come, by the watch's `listenedMs`; Infinity while none is awaited. */
  readonly bodyAt: number;
  /** Bytes that have come of it. */
  readonly bodyBytes: number;
  /** Called once when it was silent too long or is past due; it answers the sender. */
  expire(why: string): void;
  /** Gives back what it holds; nobody is left to answer. */
  close(): void;
}

/**
 * Keeps the requests under way and ends those whose sender fell silent or whose deadline passed: one timer for all,
 * and a coarse clock, so that a request costs no timer and a chunk no system call.
 */
export class Watch {
  /** The monotonic clock at the last sweep. */
  now: number;
  /** Milliseconds in which bytes could come in: what this thread spent on other things does not count. */
  listenedMs = 0;
  /** The wall clock then, for the date of an answer. */
  unixMs = systemClock.unixMs();
  readonly #open = new Roster<Watched>();
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #onSweep: ((now: number) => void) | undefined;

  constructor(onSweep?: (now: number) => void, now = systemClock.monotonicMs()) {
    this.#onSweep = onSweep;
    this.now = now;
  }

  get open(): number {
    return this.#open.size;
  }

  start(): void {
    this.#timer = setInterval(() => this.sweep(systemClock.monotonicMs()), sweepMs).unref();
  }

  /** Ends the watch, and with it whatever is still under way. */
  stop(): void {
    clearInterval(this.#timer);
    for (const watched of this.#open.all()) watched.close();
  }

  add(watched: Watched): void {
    this.#open.add(watched);
  }

  delete(watched: Watched): void {
    this.#open.delete(watched);
  }

  sweep(now: number): void {
    this.listenedMs += Math.min(now - this.now, maxPauseMs);
    this.now = now;
    this.unixMs = systemClock.unixMs();
    // From the end, since those that are ended leave.
    for (let place = this.#open.size - 1; place >= 0; place--) {
      const watched = this.#open.at(place);
      if (now >= watched.dueAt) watched.expire('the request did not arrive in time');
      else if (now - watched.touchedAt >= idleMs) watched.expire(`no data for ${idleMs / 1000} s`);
      else if (this.#isTooSlow(watched)) watched.expire(`less than ${minBytesPerSecond} bytes a second`);
    }
    this.#onSweep?.(now);
  }

  #isTooSlow({ bodyAt, bodyBytes }: Watched): boolean {
    const tookMs = this.listenedMs - bodyAt;
    return tookMs >= graceMs && bodyBytes * 1000 < tookMs * minBytesPerSecond;
  }
}
