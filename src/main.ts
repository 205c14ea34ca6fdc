import { errorText } from './cli/error-text.ts';
import { UsageError } from './errors.ts';

/**
 * The process's entry: argv → command. `bin/tailgate` and `bin/obsctl` name the program first. Commands are loaded when
 * they are asked for, so that none pays for another's start. A gateway ends in cli/run/, where its signals are heard;
 * all else ends here.
 */
const [program, ...rest] = process.argv.slice(2);

// Before anything is loaded: by itself the signal would end the process, and no file has been read that could be again.
if (program === 'tailgate' && rest[0] === 'run') process.on('SIGHUP', () => {});

const usage = `usage: tailgate COMMAND
  run [--config FILE]    the gateway
  check [--strict] FILE… what is wrong with boot files and rules, by the code that runs them, and what is probably not meant
  demo [--help]          sends a small shop's traffic to a gateway
  version
obsctl finds and shows traces: obsctl --help
`;

/** The demo has a page of help of its own; of the others this one says all there is. */
const asksForUsage = (command: string | undefined, argv: readonly string[]): boolean =>
  command !== 'demo' && [command, ...argv].some((each) => each === '--help' || each === '-h');

async function tailgate([command, ...argv]: readonly string[]): Promise<number | undefined> {
  const { processIo } = await import('./cli/io.ts');
  if (asksForUsage(command, argv)) command = 'help';
  switch (command) {
    case 'run':
      await (await import('./cli/run/until-stopped.ts')).runUntilStopped(argv);
      return undefined;
    case 'check':
      return (await import('./cli/check.ts')).check(argv, processIo());
    case 'demo':
      return (await import('./cli/demo/demo.ts')).demo(argv, processIo(interrupted()));
    case 'version':
    case '--version':
      process.stdout.write(`${(await import('./cli/version.ts')).version}\n`);
      return 0;
    case 'help':
      process.stdout.write(usage);
      return 0;
    default:
      process.stderr.write(`${command === undefined ? '' : `tailgate: unknown command '${command}'\n`}${usage}`);
      return 2;
  }
}

/** Aborted by the first Ctrl-C or SIGTERM. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/** Code 2 for a mistake of the user. */
function failed(error: unknown): never {
  process.stderr.write(`${program ?? 'tailgate'}: ${errorText(error)}\n`);
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
