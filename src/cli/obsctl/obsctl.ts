import { Command, CommanderError, Option } from 'commander';
import { CommandError, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { registerTraceArchive } from './archive/archive.ts';
import { registerTraceArchives } from './archive/archives.ts';
import { registerTraceRestore } from './archive/restore.ts';
import { collect, type Run } from './command.ts';
import { registerExplain } from './explain.ts';
import { registerRules } from './rules/register.ts';
import { type GlobalFlags, openSettings, outputs, type Settings } from './settings.ts';
import { registerSize } from './size/size.ts';
import { registerStatus } from './status.ts';
import { safeSink } from './terminal.ts';
import { registerTraceFind } from './trace-find.ts';
import { registerTraceKeep } from './trace-keep.ts';
import { registerTraceShow } from './trace-show.ts';

/** Runs one obsctl command; data goes to stdout, notes to stderr. Returns the exit code of the contract (exit.ts). */
export async function obsctl(argv: readonly string[], process: Io): Promise<number> {
  const io = { ...process, stdout: safeSink(process.stdout), stderr: safeSink(process.stderr) };
  let code: number = exit.found;
  const run: Run = (command, action) =>
    withSettings(command, io, async (settings) => {
      code = await action(settings);
    });
  try {
    await program(io, run).parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.found : exit.usage;
    if (!(error instanceof CommandError)) return unexpected(error, io);
    io.stderr.write(`obsctl: ${error.message}\n`);
    return error.exitCode;
  }
}

/**
 * An answer that nobody should give, or a defect here: a line for who uses obsctl, where it happened for who mends it.
 */
function unexpected(error: unknown, io: Io): number {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const where = io.env.OBSCTL_DEBUG ? `\n${stack}` : ' (OBSCTL_DEBUG=1 shows where)';
  io.stderr.write(`obsctl: cannot make sense of the answer: ${message}${where}\n`);
  return exit.failed;
}

async function withSettings(command: Command, io: Io, action: (settings: Settings) => Promise<void>): Promise<void> {
  const settings = openSettings(command.optsWithGlobals<GlobalFlags>(), io);
  try {
    await action(settings);
  } finally {
    await settings.client.close();
  }
}

function program(io: Io, run: Run): Command {
  const root = new Command('obsctl')
    .description('Finds and shows traces, tells what the gateway did with them, and changes its rules.')
    .option(
      '--gateway <url>',
      'the gateway (OBSCTL_GATEWAY; default http://127.0.0.1:8888); repeatable for --wait',
      collect,
    )
    .option('--tempo <url>', 'where traces are read (OBSCTL_TEMPO; default: the gateway)')
    .option('--org-id <tenant>', 'whose traces: sent as X-Scope-OrgID (OBSCTL_ORG_ID)')
    .option('--token-file <file>', "with the gateway's token (OBSCTL_TOKEN_FILE, or OBSCTL_TOKEN)")
    .option('--header <name=value>', 'sent with every request; repeatable', collect)
    .option('--ca-file <file>', 'authority of https:// addresses, PEM (OBSCTL_CA_FILE; default: the system’s)')
    .option('--cert-file <file>', 'client certificate, PEM (OBSCTL_CERT_FILE)')
    .option('--key-file <file>', 'its key (OBSCTL_KEY_FILE)')
    .option('--server-name <name>', 'name that certificates must be for (OBSCTL_SERVER_NAME; default: the host’s)')
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
  registerTraceFind(trace, run);
  registerTraceShow(trace, run);
  registerTraceKeep(trace, run);
  registerTraceArchive(trace, run);
  registerTraceRestore(trace, run);
  registerTraceArchives(trace, run);
  registerExplain(root, run);
  registerStatus(root, run);
  registerSize(root, run);
  registerRules(root.command('sampling').description('changes the rules in Consul, and tries them'), run);
  return root;
}
