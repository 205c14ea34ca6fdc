/**
 * Ends the process at once with `code`, whatever hangs in it. process.exit does not: it waits for the threads of libuv's pool, and one that
 * asks a name server, reads a dead network disk or writes to a pipe nobody reads may never come back. So the process becomes another
 * program, which takes all threads away, and that one exits; process 1 of a container, which a signal to itself would not end, too.
 */
export function endProcess(code: number): never {
  if (isProfiled()) process.exit(code);
  try {
    process.emit('exit', code);
    process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {});
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
  throw new Error('a process outlived its end');
}

/** Node writes profiles in process.exit alone. */
const isProfiled = (): boolean =>
  process.env.NODE_V8_COVERAGE !== undefined ||
  /--(cpu|heap)-prof\b/.test([process.env.NODE_OPTIONS, ...process.execArgv].join(' '));
