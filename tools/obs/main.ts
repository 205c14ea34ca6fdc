// The local stack: make obs-up, obs-down, obs-status. See docs/local-stack.md.
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { composeDown, composeStatus, composeUp, hasEngine } from './compose.ts';
import { stopProcesses } from './down.ts';
import { runs } from './process.ts';
import { until } from './ready.ts';
import { freePorts, type PortName, type Ports, portNames, type Stack, standardPorts } from './stack.ts';
import { forgetState, lock, readState, type State, writeState } from './state.ts';
import { statusOf } from './status.ts';
import { commandsToTry, firstTrace } from './tell.ts';
import { startProcesses, takeDown } from './up.ts';

const usage = `usage: make obs-up|obs-down|obs-status [OBS="OPTIONS"]
  --directory DIR     where its state, logs and data are (data/obs)
  --processes         up: as processes, even where there is a container engine
  --port NAME=NUMBER  up: another port; repeatable. Names: ${portNames.join(', ')}
  --free-ports        up: ports that are free now
  --forget            down: deletes its data too
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Options {
  readonly directory: string;
  readonly processes: boolean;
  readonly forget: boolean;
  readonly ports: () => Promise<Ports>;
}

function options(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      directory: { type: 'string', default: 'data/obs' },
      processes: { type: 'boolean', default: false },
      port: { type: 'string', multiple: true, default: [] },
      'free-ports': { type: 'boolean', default: false },
      forget: { type: 'boolean', default: false },
    },
  });
  const chosen = Object.fromEntries(values.port.map(portOf));
  const ports = async () => ({ ...(values['free-ports'] ? await freePorts() : standardPorts), ...chosen });
  return { directory: resolve(values.directory), processes: values.processes, forget: values.forget, ports };
}

function portOf(text: string): [PortName, number] {
  const [name = '', number] = text.split('=');
  const port = Number(number);
  if (!portNames.includes(name as PortName) || !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new TypeError(`--port ${text}: expected NAME=NUMBER with one of ${portNames.join(', ')}`);
  }
  return [name as PortName, port];
}

async function up({ directory, processes, ports }: Options, signal: AbortSignal): Promise<number> {
  const unlock = lock(directory);
  try {
    const before = readState(directory);
    const isThere = before !== undefined && (before.way === 'compose' || before.processes.some(runs));
    const stack: Stack = { directory, ports: isThere ? before.ports : await ports() };
    let started: string[] = [];
    const way = isThere ? before.way : !processes && hasEngine() ? 'compose' : 'processes';
    if (way === 'compose') {
      const since = before?.since ?? new Date().toISOString();
      writeState(directory, { way, ports: stack.ports, since, processes: [] }); // first: what fails half-way is taken down by it
      await composeUp(stack, signal).catch(async (error) => {
        if (signal.aborted && !isThere) await composeEnd(stack);
        throw signal.aborted ? new Error('interrupted') : error;
      });
    } else {
      if (!isThere && !processes) say('no container engine answers here: starting the parts as processes');
      started = await startProcesses(stack, say, signal);
      if (started.length === 0) say(`it runs already, since ${before?.since}`);
    }
    await tellWhatToTry(stack, signal).catch(async (error) => {
      const state = readState(directory);
      if (!signal.aborted) say('it keeps running; make obs-status shows how it is, make obs-down ends it');
      else if (way === 'processes' && state) await takeDown(stack, state, started, say);
      else if (!isThere) await composeEnd(stack);
      throw error;
    });
    return 0;
  } finally {
    unlock();
  }
}

async function composeEnd(stack: Stack): Promise<void> {
  await composeDown(stack, false);
  forgetState(stack.directory);
}

async function tellWhatToTry(stack: Stack, signal: AbortSignal): Promise<void> {
  let trace: string | undefined;
  const arrived = async () => (trace = await firstTrace(stack)) !== undefined;
  await until('no trace is in Tempo', 60_000, arrived, () => (signal.aborted ? 'interrupted' : undefined));
  const state = readState(stack.directory);
  if (state?.way === 'processes') for (const { line } of await statusOf(stack, state)) say(line);
  else await composeStatus(stack);
  say('\nTry:');
  for (const command of commandsToTry(stack, trace ?? '')) say(`  ${command}`);
  say('\nIt keeps running; make obs-status shows how it is, make obs-down ends it.');
}

async function down({ directory, forget }: Options): Promise<number> {
  const unlock = lock(directory);
  try {
    const state = readState(directory);
    if (state?.way === 'compose') await composeDown({ directory, ports: state.ports }, forget);
    const told = await stopProcesses(state?.processes ?? []);
    forgetState(directory);
    say([...told, state === undefined ? `nothing runs in ${directory}` : 'all of it has ended'].join('\n'));
    return 0;
  } finally {
    unlock();
    if (forget) rmSync(directory, { recursive: true, force: true });
  }
}

/** 0: all of it is ready; 1: something is not; 3: nothing runs. */
async function status({ directory }: Options): Promise<number> {
  const state: State | undefined = readState(directory);
  if (state === undefined || (state.way === 'processes' && !state.processes.some(runs))) {
    say(`nothing runs in ${directory}; make obs-up starts it`);
    return 3;
  }
  const stack = { directory, ports: state.ports };
  if (state.way === 'compose') {
    await composeStatus(stack);
    return 0;
  }
  const each = await statusOf(stack, state);
  say([`runs since ${state.since}, in ${directory}`, ...each.map(({ line }) => line)].join('\n'));
  return each.some(({ state }) => state === 'ended' || state === 'not ready') ? 1 : 0;
}

/** Aborted by Ctrl-C or SIGTERM. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => controller.abort(new Error('interrupted')));
  return controller.signal;
}

async function main([command, ...args]: readonly string[]): Promise<number> {
  const chosen = options([...args]);
  if (command === 'up') return up(chosen, interrupted());
  if (command === 'down') return down(chosen);
  if (command === 'status') return status(chosen);
  throw new TypeError(`unknown command '${command ?? ''}'`);
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const isUsage = error instanceof TypeError;
  process.stderr.write(`obs: ${(error as Error).message}\n${isUsage ? usage : ''}`);
  process.exit(isUsage ? 2 : 1);
}
