import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Started } from './state.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** When a process started, in the system's own terms; undefined where it has ended. */
export function startMark(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    const told = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return told.stdout?.trim() || undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // proc(5): the name may hold spaces and brackets
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether it is this very process that has the number. */
export const runs = ({ pid, mark }: Started): boolean => startMark(pid) === mark;

// Variables that the programs would read by themselves, and that are meant for others.
const foreign = /^(CONSUL|OTEL|TEMPO|TAILGATE|OBSCTL|GF|KAFKA)_|^(TRACE_DEBUG|DEPLOYMENT_ENVIRONMENT)$/;

/** Starts a process that outlives this one, in a group of its own, its output at the end of `logFile`. */
export async function startDetached(name: string, command: Command, logFile: string): Promise<Started> {
  const log = openSync(logFile, 'a', 0o600);
  const own = Object.entries(process.env).filter(([key]) => !foreign.test(key));
  const child: ChildProcess = spawn(command.program, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...Object.fromEntries(own), ...command.env },
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject);
  });
  child.unref();
  const pid = child.pid ?? 0;
  return { name, pid, mark: startMark(pid) ?? 'ended' };
}

/** SIGTERM to the process and all in its group, SIGKILL where it has not ended in time. How it ended; undefined: it had. */
export async function stop(started: Started, withinMs: number): Promise<'ended' | 'killed' | undefined> {
  if (!runs(started)) return undefined;
  signalGroup(started.pid, 'SIGTERM');
  const ended = await gone(started, withinMs);
  signalGroup(started.pid, 'SIGKILL'); // also what it may have left behind
  if (!ended && !(await gone(started, 5000))) throw new Error(`${started.name} (process ${started.pid}) does not end`);
  return ended ? 'ended' : 'killed';
}

async function gone(started: Started, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (runs(started)) {
    if (performance.now() > until) return false;
    await sleep(50);
  }
  return true;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
