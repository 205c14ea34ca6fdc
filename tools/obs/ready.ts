import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The body of a 200 answer; throws the reason where there is none within two seconds. */
export async function answers(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${body.trim().slice(0, 200)}`);
  return body || 'ok';
}

/** Asks every 100 ms until true. After `withinMs` it throws what was wrong last; at once where `over` says why. */
export async function until(
  what: string,
  withinMs: number,
  isSo: () => Promise<boolean>,
  over: () => string | undefined = () => undefined,
): Promise<void> {
  const end = performance.now() + withinMs;
  let reason = '';
  while (true) {
    const ended = over();
    if (ended !== undefined) throw new Error(ended);
    try {
      if (await isSo()) return;
    } catch (error) {
      const { message, cause } = error as Error;
      reason = `: ${cause instanceof Error ? cause.message : message}`;
    }
    if (performance.now() > end) throw new Error(`${what} after ${withinMs / 1000} s${reason}`);
    await sleep(100);
  }
}

/** Whether somebody listens there. */
export function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2000 });
    const tell = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => tell(true));
    socket.once('error', () => tell(false));
    socket.once('timeout', () => tell(true));
  });
}
