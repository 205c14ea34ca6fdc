import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const obsctlPath = fileURLToPath(new URL('../../bin/obsctl', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The lines of `-o ids`, sorted. */
  readonly ids: string[];
}

/** `bin/obsctl` in a process of its own, as an operator runs it. */
export const obsctl = (...args: string[]): Promise<Ran> => obsctlWith({}, ...args);

/** The same, with these variables. */
export function obsctlWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
  const child = spawn(obsctlPath, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk));
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code, out, err, ids: out.split('\n').filter(Boolean).sort() })),
  );
}
