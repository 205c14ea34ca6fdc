import { existsSync } from 'node:fs';

const shell = '/bin/sh';

/**
 * Ends the process at once with `code`, whatever hangs in it. process.exit does not: it waits for the threads of
 * libuv's pool, and one that asks a name server, reads a dead network disk or writes to a pipe nobody reads may never
 * come back. So the process becomes another program, which takes all threads away, and that one exits: a shell where
 * there is one, else Node, which takes longer. That ends process 1 of a container too, which a signal to itself would
 * not.
 */
export function endProcess(code: number): never {
  if (isProfiled()) process.exit(code);
  try {
    process.emit('exit', code);
    const [path, ...args] = existsSync(shell)
      ? [shell, '-c', `exit ${code}`]
      : [process.execPath, '--eval', `process.exit(${code})`];
    process.execve?.(path, [path, ...args], {});
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
  throw new Error('a process outlived its end');
}

/** Node writes profiles in process.exit alone. */
const isProfiled = (): boolean =>
  process.env.NODE_V8_COVERAGE !== undefined ||
  /--(cpu|heap)-prof\b/.test([process.env.NODE_OPTIONS, ...process.execArgv].join(' '));
