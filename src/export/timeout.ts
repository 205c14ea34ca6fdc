import type { Answer, Attempt, Payload } from './answer.ts';
import type { ExportClock } from './clock.ts';

const stoppedEarly = 'stopped before an answer came';

/**
 * Ends each attempt after `timeoutMs`, which is worth another try, or when its caller stops it. The answer never waits
 * for `next`, so a client that hangs costs no more than this; `onGivenUp` is told what it may still be looking at.
 */
export function timingOut(
  next: Attempt,
  timeoutMs: number,
  clock: ExportClock,
  onGivenUp: (payload: Readonly<Payload>) => void,
): Attempt {
  return (payload, stop) =>
    new Promise((resolve) => {
      if (stop.aborted) return resolve({ kind: 'retryable', waitMs: 0, message: stoppedEarly });
      const attempt = new AbortController();
      const end = (answer: Answer) => {
        callOff();
        stop.removeEventListener('abort', stopped);
        resolve(answer);
      };
      const giveUp = (message: string) => {
        onGivenUp(payload);
        end({ kind: 'retryable', waitMs: 0, message });
        attempt.abort(new Error(message));
      };
      const stopped = () => giveUp(stoppedEarly);
      const callOff = clock.after(timeoutMs, () => giveUp(`no answer within ${timeoutMs} ms`));
      stop.addEventListener('abort', stopped);
      next(payload, attempt.signal).then(end, (error) => giveUp(String(error)));
    });
}
