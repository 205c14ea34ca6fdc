import { totalOf } from './drain.ts';
import { UsageError } from './errors.ts';

/**
 * The process's entry: argv → command. `bin/tailgate` and `bin/obsctl` name the program first. Only here does the process end and
 * are signals heard. Commands are loaded when they are asked for, so that none pays for another's start.
 */
const [program, ...rest] = process.argv.slice(2);

const usage = `usage: tailgate COMMAND
  run [--config FILE]    the gateway
  check FILE…            what is wrong with boot files and rules, by the code that runs them
  demo [--help]          sends a small shop's traffic to a gateway
  version
obsctl finds and shows traces: obsctl --help
`;

async function tailgate([command, ...argv]: readonly string[]): Promise<number | undefined> {
  const { processIo } = await import('./cli/io.ts');
  switch (command) {
    case 'run':
      return runUntilStopped(argv);
    case 'check':
      return (await import('./cli/check.ts')).check(argv, processIo());
    case 'demo':
      return (await import('./cli/demo/demo.ts')).demo(argv, processIo(interrupted()));
    case 'version':
    case '--version':
      process.stdout.write(`${(await import('./cli/version.ts')).version}\n`);
      return 0;
    default:
      (command === 'help' || command === '--help' ? process.stdout : process.stderr).write(usage);
      return command === 'help' || command === '--help' ? 0 : 2;
  }
}

/** Signals are heard from the first moment: as process 1 of a container, one that nobody listens for would be lost. */
async function runUntilStopped(argv: readonly string[]): Promise<undefined> {
  const starting = import('./cli/run.ts').then(({ run }) => run(argv, { env: process.env, stderr: process.stderr }));
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      starting.then((gateway) => gateway.stop()).then((losses) => process.exit(totalOf(losses) > 0 ? 3 : 0), failed);
    });
  }
  process.on('SIGHUP', () => starting.then((gateway) => gateway.reload(), failed));
  const gateway = await starting;
  void gateway.died.then(() => process.exit(1));
}

/** Aborted by the first Ctrl-C or SIGTERM. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** A mistake of the user is told in its own words, code 2; anything else is a defect and shows where it happened. */
function failed(error: unknown): never {
  const text =
    error instanceof UsageError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`${program ?? 'tailgate'}: ${text}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}

try {
  const code =
    program === 'obsctl'
      ? await (await import('./cli/obsctl/obsctl.ts')).obsctl(
          rest,
          (await import('./cli/io.ts')).processIo(interrupted()),
        )
      : await tailgate(rest);
  if (code !== undefined) process.exitCode = code;
} catch (error) {
  failed(error);
}
