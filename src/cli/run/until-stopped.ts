import { totalOf } from '../../drain.ts';
import { UsageError } from '../../errors.ts';
import type { Gateway } from '../../gateway.ts';
import { errorText } from '../error-text.ts';
import { endProcess } from './end-process.ts';
import { type Stdio, steadyStdio } from './stdio.ts';

/** A gateway that has not started yet has acknowledged nothing: a stop waits so long for it, not longer. */
const startingMs = 5_000;
/** Beyond `shutdown_timeout`, within which the gateway ends by itself. */
const graceMs = 500;
/** For the last lines of the log. */
const flushMs = 500;

/**
 * `tailgate run`, from the first signal handler to the end of the process. Signals are heard from the first moment: as
 * process 1 of a container, one that nobody listens for would be lost. Exit codes: 0 all that was acknowledged is
 * delivered, 1 a second signal or a defect, 2 a mistake of the user, 3 something that was acknowledged is lost.
 */
export async function runUntilStopped(argv: readonly string[]): Promise<void> {
  // Four threads, the default, are few where a destination's name, the log's reader and the rules' disk may all hang.
  process.env.UV_THREADPOOL_SIZE ??= '8';
  const stdio = steadyStdio();
  const failed = (error: unknown) => void fail(error, stdio);
  process.on('uncaughtException', failed);
  const starting = import('./run.ts').then(({ run }) => run(argv, process.env, stdio));
  starting.then((gateway) => gateway.died).then(() => end(1, stdio), failed);
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) endProcess(1);
      isStopping = true;
      stop(starting, stdio).catch(failed);
    });
  }
  process.on('SIGHUP', () => void starting.then((gateway) => gateway.reload(), failed));
}

async function stop(starting: Promise<Gateway>, stdio: Stdio): Promise<void> {
  const tooLong = setTimeout(() => endProcess(0), startingMs);
  const gateway = await starting;
  clearTimeout(tooLong);
  setTimeout(() => endProcess(3), gateway.shutdownTimeoutMs + graceMs);
  const losses = await gateway.stop();
  await end(totalOf(losses) > 0 ? 3 : 0, stdio);
}

let isFailing = false;

async function fail(error: unknown, stdio: Stdio): Promise<void> {
  if (isFailing) return;
  isFailing = true;
  stdio.stderr.write(`tailgate: ${errorText(error)}\n`);
  await end(error instanceof UsageError ? 2 : 1, stdio);
}

async function end(code: number, { stdout, stderr }: Stdio): Promise<void> {
  await Promise.all([stdout.flushed(flushMs), stderr.flushed(flushMs)]);
  endProcess(code);
}
