import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
const readyWithinMs = 45_000;

/**
 * A gateway in a process of its own, as a user starts it: `bin/tailgate run`, on free ports, in a folder of its own.
 */
export interface GatewayProcess {
  /** Addresses bound, `host:port`. */
  readonly grpc: string;
  readonly http: string;
  readonly admin: string;
  /** Its working folder; removed by `stop` and `kill`. */
  readonly directory: string;
  readonly pid: number;
  /** Everything it printed so far, stdout and stderr. */
  output(): string;
  /** The log lines with this event. */
  events(event: string): Record<string, unknown>[];
  signal(signal: NodeJS.Signals): void;
  /** Waits until it ended by itself or by a signal; the exit code, null where a signal ended it. */
  exited(): Promise<number | null>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** GET on the admin port, as text. */
  get(path: string): Promise<string>;
  status(): Promise<Status>;
}

export interface Status {
  readonly rules: {
    readonly revision: string;
    readonly policies: string[];
    readonly lastRefusal: { error: string } | null;
    readonly source: string;
    readonly sourceError: string;
    readonly modifyIndex: number;
    readonly by: string | null;
    readonly writtenAt: string | null;
    readonly why: string | null;
  };
  readonly buffer: { readonly spans: number; readonly traces: number };
  readonly books: Record<string, unknown>;
  readonly export: { readonly name: string; readonly queueBytes: number }[];
}

/** Starts one and waits for its ready line; what it printed is in the error when there is none. */
export async function startGatewayProcess(
  options: { env?: Record<string, string>; args?: string[]; group?: string; program?: string } = {},
): Promise<GatewayProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-'));
  const run = [options.program ?? tailgate, 'run', ...(options.args ?? [])];
  // Into a cgroup before anything of it runs, as a container's first process is.
  const [command, ...args] =
    options.group === undefined
      ? run
      : ['sh', '-c', `echo $$ > ${options.group}/cgroup.procs && exec "$@"`, 'sh', ...run];
  const child = spawn(command, args, {
    cwd: directory,
    env: {
      PATH: process.env.PATH ?? '',
      TAILGATE_GRPC: '127.0.0.1:0',
      TAILGATE_HTTP: '127.0.0.1:0',
      TAILGATE_ADMIN: '127.0.0.1:0',
      TAILGATE_DECISION_WAIT: '1s',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const events = (event: string) => logLines(printed).filter((line) => line.event === event);
  const ready = await waitForReady(child, ended, events, () => printed);
  const forget = (): void => rmSync(directory, { recursive: true, force: true });
  const get = async (path: string): Promise<string> => (await fetch(`http://${ready.admin}${path}`)).text();
  return {
    ...ready,
    directory,
    pid: child.pid as number,
    output: () => printed,
    events,
    signal: (signal) => void child.kill(signal),
    exited: () => ended,
    stop: async () => {
      child.kill('SIGTERM');
      return ended.finally(forget);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended.finally(forget);
    },
    get,
    status: async () => JSON.parse(await get('/api/status')) as Status,
  };
}

async function waitForReady(
  child: ChildProcess,
  ended: Promise<number | null>,
  events: (event: string) => Record<string, unknown>[],
  output: () => string,
): Promise<{ grpc: string; http: string; admin: string }> {
  const deadline = Date.now() + readyWithinMs;
  let code: number | null | undefined;
  void ended.then((value) => (code = value));
  while (Date.now() < deadline && code === undefined) {
    const [line] = events('ready');
    if (line !== undefined) return line as { grpc: string; http: string; admin: string };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGKILL');
  throw new Error(
    `the gateway ${code === undefined ? 'was not ready in time' : `ended with code ${code}`}:\n${output()}`,
  );
}

function logLines(printed: string): Record<string, unknown>[] {
  return printed
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * Asks again until the answer is right; throws the last complaint after `withinMs`. For tests against real processes
 * only.
 */
export async function eventually<T>(ask: () => Promise<T>, withinMs = 30_000): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
