import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const node = fileURLToPath(new URL('../bin/node', import.meta.url));

/**
 * What all processors have had to do so far, in ticks, and what of it the hypervisor gave to other machines ("steal",
 * proc(5)).
 */
export function processorTicks(): { readonly all: number; readonly stolen: number } {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).map(Number);
  // Guests' time, the last two, is a part of others.
  return { all: ticks.slice(0, 8).reduce((sum, n) => sum + n, 0), stolen: ticks[7] };
}

/** User and system time of a `stat` file of proc(5), and the name in it. */
function secondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const nameIn = (stat: string): string => stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));

/** A program under measurement, pinned to processors where the system can. */
export class Measured {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }[] = [];

  constructor(
    command: string,
    args: readonly string[],
    options: { cpus?: string; env?: Record<string, string>; cwd?: string } = {},
  ) {
    const pinned = options.cpus === undefined ? [command, ...args] : ['taskset', '-c', options.cpus, command, ...args];
    this.child = spawn(pinned[0], pinned.slice(1), {
      env: { ...process.env, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      stdio: ['ignore', 'pipe', process.env.BENCH_VERBOSE ? 'inherit' : 'ignore'],
    });
    this.child.on('exit', (code) => {
      const error = new Error(`${pinned.join(' ')} ended, ${code}; BENCH_VERBOSE=1 shows what it said`);
      for (const { reject } of this.#waiting) reject(error);
    });
    if (this.child.stdout) {
      createInterface(this.child.stdout).on('line', (line) => {
        const waiting = this.#waiting.shift();
        if (waiting) waiting.resolve(line);
        else this.#lines.push(line);
      });
    }
  }

  /** A script of this folder, run by the Node that the gateway runs on, with its flags. */
  static script(name: string, args: readonly string[], cpus?: string): Measured {
    const file = fileURLToPath(new URL(name, import.meta.url));
    return new Measured(node, [file, ...args], cpus === undefined ? {} : { cpus });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  line(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The next line that is JSON and has this key. */
  async json<T>(key: string): Promise<T> {
    for (;;) {
      const line = await this.line();
      if (!line.startsWith('{')) continue;
      const value = JSON.parse(line) as Record<string, unknown>;
      if (key in value) return value as T;
    }
  }

  /** CPU seconds so far, user and system, all threads. */
  cpuSeconds(): number {
    return secondsIn(readFileSync(`/proc/${this.pid}/stat`, 'utf8'));
  }

  /** The same by thread, under its name and number. */
  threadSeconds(): Record<string, number> {
    const folder = `/proc/${this.pid}/task`;
    const stats = readdirSync(folder).map((task) => [task, readFileSync(`${folder}/${task}/stat`, 'utf8')] as const);
    return Object.fromEntries(stats.map(([task, stat]) => [`${nameIn(stat)} ${task}`, secondsIn(stat)]));
  }

  /** Resident bytes, by the kernel's own sum over the mappings. */
  residentBytes(): number {
    const rss = /^Rss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8'));
    return Number(rss?.[1] ?? 0) * 1024;
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  }
}
