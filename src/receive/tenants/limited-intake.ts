import type { Clock } from '../../clock.ts';
import { Refusal } from '../../errors.ts';
import type { Answer, Intake, Message } from '../../model/intake.ts';
import type { Source } from '../../model/outcome.ts';

/** What a tenant may send at once after a pause. */
const burstMs = 1_000;
const longestRetryMs = 30_000;

/**
 * The intake of a tenant that may send so many bytes a second. What it has taken is paid afterwards, so that a request
 * larger than a second's worth comes in, too, and those behind it wait the longer; nobody else waits for it.
 */
export class LimitedIntake implements Intake {
  readonly #intake: Intake;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** What may still come; below zero, what was taken in advance. */
  #balance: number;
  #at: number;

  constructor(intake: Intake, maxBytesPerSecond: number, clock: Clock) {
    this.#intake = intake;
    this.#bytesPerMs = maxBytesPerSecond / 1000;
    this.#clock = clock;
    this.#balance = this.#bytesPerMs * burstMs;
    this.#at = clock.monotonicMs();
  }

  get tenant(): string {
    return this.#intake.tenant ?? '';
  }

  get overload(): string {
    return this.#intake.overload ?? '';
  }

  refuses(length: number): Refusal | undefined {
    this.#fill();
    return this.#balance <= 0 ? this.#overLimit() : this.#intake.refuses(length);
  }

  charge(bytes: number): void {
    this.#fill();
    this.#balance -= bytes;
  }

  accept(message: Message, source: Source): Answer {
    return this.#intake.accept(message, source);
  }

  acceptInSteps(message: Message, source: Source, isGone: () => boolean): Generator<undefined, Answer> {
    return this.#intake.acceptInSteps(message, source, isGone);
  }

  #fill(): void {
    const now = this.#clock.monotonicMs();
    this.#balance = Math.min(this.#bytesPerMs * burstMs, this.#balance + (now - this.#at) * this.#bytesPerMs);
    this.#at = now;
  }

  #overLimit(): Refusal {
    const perSecond = Math.round(this.#bytesPerMs * 1000);
    const retryAfterMs = Math.min(longestRetryMs, Math.max(1, Math.ceil(-this.#balance / this.#bytesPerMs)));
    const message = `over ${perSecond} bytes a second (max_bytes_per_second of this tenant, divided by shards): try again later`;
    return new Refusal('tenant_limited', message, retryAfterMs);
  }
}
