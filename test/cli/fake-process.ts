import type { Io } from '../../src/cli/io.ts';

/** A process for a command to run in: what it wrote is kept. */
export interface FakeProcess extends Io {
  out: string;
  err: string;
}

export function fakeProcess(given: Partial<Io> = {}): FakeProcess {
  const process: FakeProcess = {
    out: '',
    err: '',
    stdout: { write: (text: string) => (process.out += text) },
    stderr: { write: (text: string) => (process.err += text) },
    env: {},
    isTTY: false,
    now: Date.now,
    timeZone: 'UTC',
    ...given,
  };
  return process;
}
