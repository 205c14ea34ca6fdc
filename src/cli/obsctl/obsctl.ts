import { Command, CommanderError, Option } from 'commander';
import { CommandError, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { explain } from './explain.ts';
import { type GlobalFlags, openSettings, outputs, type Settings } from './settings.ts';
import { status } from './status.ts';
import { type FindFlags, traceFind } from './trace-find.ts';
import { type ShowFlags, traceShow } from './trace-show.ts';

/** Runs one obsctl command; data goes to stdout, notes to stderr. Returns the exit code of the contract (exit.ts). */
export async function obsctl(argv: readonly string[], io: Io): Promise<number> {
  let code: number = exit.found;
  const run = (command: Command, action: (settings: Settings) => Promise<number>): Promise<void> =>
    withSettings(command, io, async (settings) => {
      code = await action(settings);
    });
  try {
    await program(io, run).parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.found : exit.usage;
    if (!(error instanceof CommandError)) throw error;
    io.stderr.write(`obsctl: ${error.message}\n`);
    return error.exitCode;
  }
}

async function withSettings(command: Command, io: Io, action: (settings: Settings) => Promise<void>): Promise<void> {
  const settings = openSettings(command.optsWithGlobals<GlobalFlags>(), io);
  try {
    await action(settings);
  } finally {
    await settings.client.close();
  }
}

type Run = (command: Command, action: (settings: Settings) => Promise<number>) => Promise<void>;

function program(io: Io, run: Run): Command {
  const root = new Command('obsctl')
    .description('Finds and shows traces, and tells what the gateway did with them.')
    .option('--gateway <url>', 'the gateway (OBSCTL_GATEWAY; default http://127.0.0.1:8888)')
    .option('--tempo <url>', 'where traces are read (OBSCTL_TEMPO; default: the gateway)')
    .option('--org-id <tenant>', 'sent as X-Scope-OrgID')
    .option('--header <name=value>', 'sent with every request; repeatable', collect)
    .addOption(new Option('-o, --output <form>', 'how to print').choices(outputs).default('table'))
    .option('--no-color', 'plain text (NO_COLOR does the same)')
    .option('--timeout <time>', 'for each request', '10s')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .addHelpText(
      'after',
      '\nExit codes: 0 found, 1 failed, 2 usage or invalid, 3 nothing found, 4 partial, 5 not allowed.',
    );
  const trace = root.command('trace').description('finds and shows traces');
  addFind(trace, run);
  addShow(trace, run);
  root
    .command('explain <id>')
    .description('why the gateway kept or dropped a trace, policy by policy')
    .action((id: string, _, command: Command) => run(command, (settings) => explain(id, settings)));
  root
    .command('status')
    .description("the gateway's rules, buffer, books and exporters")
    .action((_, command: Command) => run(command, status));
  return root;
}

function addFind(trace: Command, run: Run): void {
  trace
    .command('find')
    .description('lists traces with a span that is all of what the flags say, newest first')
    .option('--service <name>', 'service.name of the span')
    .option('--route <path>', 'its route or path, or /prefix/*')
    .option('--status <status>', 'error, ok or unset')
    .option('--min-duration <time>', 'longer than, e.g. 500ms')
    .option('--max-duration <time>', 'shorter than')
    .option('--attr <key=value>', 'any attribute, e.g. user.id=42 or resource.k8s.pod.name=web-0; repeatable', collect)
    .option('--last <time>', 'how far back, e.g. 30m (default 1h)')
    .option('--since <time>', 'from: 2026-11-25T16:00:00Z, "2026-11-25 17:00" or 2h (ago)')
    .option('--until <time>', 'to; likewise')
    .option('--limit <n>', 'at most this many traces', '20')
    .option('-q, --query <TraceQL>', 'instead of the conditions above')
    .option('--explain-query', 'prints the TraceQL and does not search')
    .action((flags: FindFlags, command: Command) => run(command, (settings) => traceFind(flags, settings)));
}

function addShow(trace: Command, run: Run): void {
  trace
    .command('show <id>')
    .description('one trace as a tree with bars on one time axis; takes an id, a traceparent or a Grafana address')
    .option('--attrs', 'with the attributes of each span')
    .option('--events', 'with its events')
    .option('--errors-only', 'only spans with errors and those above them')
    .option('--depth <n>', 'only so many levels')
    .option('--width <columns>', 'instead of the width of the terminal')
    .action((id: string, flags: ShowFlags, command: Command) =>
      run(command, (settings) => traceShow(id, flags, settings)),
    );
}

const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];
