import type { Outcome, Payload, Result } from './answer.ts';
import { type ExportClock, sleep } from './clock.ts';
import type { OtlpExporterConfig } from './options.ts';

/** `giveUpAfterMs` counts from the request's first attempt; 0 = never. */
type RetryOptions = OtlpExporterConfig['retry'];

/**
 * How an exporter ends, in this order: it waits no longer than `longestHurriedMs` between tries (`hurry`), it tries no
 * longer (`stop`).
 */
export interface Closing {
  readonly hurry: AbortController;
  readonly stop: AbortController;
}

/** While the gateway drains. */
const longestHurriedMs = 1_000;
const multiplier = 2;
const jitter = 0.5;

/** The wait after failed try number `failures` (from 1): exponential up to `maxMs`, spread ±50 % by `random`. */
export function backoffMs(
  failures: number,
  options: Pick<RetryOptions, 'initialMs' | 'maxMs'>,
  random: number,
): number {
  const base = Math.min(options.initialMs * multiplier ** (failures - 1), options.maxMs);
  return base * (1 - jitter + 2 * jitter * random);
}

/**
 * Tries until the answer is final. The server's hint is the least wait, backoff the other. Like the collector it gives
 * up as soon as the next try would come after `giveUpAfterMs`. Told to hurry, it tries again at once, and then with
 * short waits until it is stopped: a server that restarts together with the gateway may be back by then.
 */
export function retrying(
  next: (payload: Payload, stop: AbortSignal) => Promise<Outcome>,
  options: RetryOptions,
  clock: ExportClock,
  { hurry: { signal: hurry }, stop: { signal: stop } }: Closing,
  onRetry: (message: string) => void,
): (payload: Payload) => Promise<Result> {
  return async (payload) => {
    let answer: Outcome = { kind: 'retryable', waitMs: 0, message: 'not tried yet' };
    for (let failures = 1; !stop.aborted; failures++) {
      const hurried = hurry.aborted;
      const longestMs = hurried ? longestHurriedMs : Number.POSITIVE_INFINITY;
      answer = await next(payload, stop);
      if (answer.kind !== 'retryable') return final(answer);
      const waitMs = Math.max(answer.waitMs, Math.min(backoffMs(failures, options, clock.random()), longestMs));
      const ageMs = clock.monotonicMs() - payload.sinceMs;
      if (options.giveUpAfterMs > 0 && ageMs + waitMs > options.giveUpAfterMs) return expired(ageMs, answer.message);
      onRetry(answer.message);
      await sleep(clock, waitMs, hurried ? stop : hurry);
    }
    return { kind: 'shutdown', message: `shut down before it was delivered: ${answer.message}` };
  };
}

/** Unreadable in no encoding at all is refused. */
const final = (answer: Exclude<Outcome, { kind: 'retryable' }>): Result =>
  answer.kind === 'unreadable' ? { ...answer, kind: 'refused' } : answer;

function expired(ageMs: number, message: string): Result {
  return { kind: 'expired', message: `gave up after ${Math.round(ageMs / 1000)} s of trying: ${message}` };
}
