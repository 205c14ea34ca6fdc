import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findServer } from '../servers/start.ts';
import { configure } from './configure.ts';
import { stopProcesses } from './down.ts';
import { type Part, parts } from './parts.ts';
import { runs, startDetached } from './process.ts';
import { isTaken, until } from './ready.ts';
import type { Stack } from './stack.ts';
import { readState, type State, writeState } from './state.ts';

const buildScript = new URL('../servers/build.sh', import.meta.url).pathname;
const readyWithinMs = 60_000;

/**
 * Starts what does not run yet and waits for each; what runs is left alone. What a failure or a signal interrupts takes
 * down what it started. Returns the names of what it started.
 */
export async function startProcesses(
  stack: Stack,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  build(say);
  const known = readState(stack.directory);
  const before = known?.processes.filter(runs) ?? [];
  const since = (before.length > 0 && known?.since) || new Date().toISOString();
  let state: State = { way: 'processes', ports: stack.ports, since, processes: before };
  const wanted = parts.filter(({ name }) => !before.some((process) => process.name === name));
  await refuseTakenPorts(stack, wanted);
  configure(stack);
  const started: string[] = [];
  try {
    for (const part of wanted) {
      signal.throwIfAborted();
      const command = part.command(stack, binaryOf(part));
      if (command === undefined) continue; // status tells
      const process = await startDetached(part.name, command, logOf(stack, part.name));
      started.push(part.name); // first: what cannot be remembered is taken down too
      state = { ...state, processes: [...state.processes, process] };
      writeState(stack.directory, state);
      await waitFor(part, stack, () => (signal.aborted ? 'interrupted' : runs(process) ? undefined : 'it has ended'));
      say(`${part.name}: ready`);
    }
  } catch (error) {
    await takeDown(stack, state, started, say);
    throw error;
  }
  return started;
}

/** Ends those of these names, and remembers the others. */
export async function takeDown(
  { directory }: Stack,
  state: State,
  names: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  if (names.length > 0) say(`taking down ${names.join(', ')}`);
  await stopProcesses(state.processes.filter(({ name }) => names.includes(name)));
  try {
    writeState(directory, { ...state, processes: state.processes.filter(runs) });
  } catch (error) {
    say(`${(error as Error).message}; what it says of ended processes does no harm`); // why it failed first is thrown
  }
}

/** Builds the servers that the cache does not have; its script tells how far it is. */
function build(say: (line: string) => void): void {
  const missing = parts.flatMap(({ server }) => (server && 'missing' in findServer(server) ? [server] : []));
  if (missing.length === 0) return;
  say(`building ${missing.join(', ')} from their Go modules, once; it takes some minutes`);
  const { status } = spawnSync(buildScript, missing, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${missing.join(', ')}: not all could be built (see above)`);
}

function binaryOf({ server }: Part): string {
  if (server === undefined) return '';
  const found = findServer(server);
  if ('path' in found) return found.path;
  throw new Error('refused' in found ? found.refused : found.missing);
}

async function refuseTakenPorts(stack: Stack, wanted: readonly Part[]): Promise<void> {
  const taken: string[] = [];
  for (const name of wanted.flatMap(({ ports }) => ports)) {
    if (await isTaken(stack.ports[name])) taken.push(`${stack.ports[name]} (${name})`);
  }
  if (taken.length === 0) return;
  const [port = '', name = ''] = taken[0]?.split(/[ ()]+/) ?? [];
  throw new Error(
    `ports on 127.0.0.1 that other programs use: ${taken.join(', ')}. End these, or choose others: ` +
      `make obs-up OBS="--port ${name}=${Number(port) + 10_000}", or OBS=--free-ports`,
  );
}

/** Until it is ready; an error with the end of its log where it ended or took too long. */
async function waitFor(part: Part, stack: Stack, over: () => string | undefined): Promise<void> {
  try {
    await until('is not ready', readyWithinMs, () => part.ready(stack), over);
    await part.prepare?.(stack);
  } catch (error) {
    const log = logOf(stack, part.name);
    throw new Error(`${part.name}: ${(error as Error).message}; the end of ${log}:\n${endOf(log)}`);
  }
}

export const logOf = ({ directory }: Stack, name: string): string => join(directory, 'logs', `${name}.log`);

/** The last lines of a log, however long it is. */
export function endOf(file: string, lines = 15): string {
  const bytes = Math.min(statSync(file).size, 16_384);
  const end = Buffer.alloc(bytes);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, end, 0, bytes, statSync(file).size - bytes);
  closeSync(descriptor);
  return end.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
