import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { mergeLayers, parseRules } from '../../../config/rules.ts';
import { compileRules } from '../../../decide/compile.ts';
import type { RulesDocument } from '../../../model/rules.ts';
import { simulateRecorded } from '../../../simulate/recorded.ts';
import type { Simulation } from '../../../simulate/simulation.ts';
import { sumOf } from '../../../simulate/sum.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import type { Run } from '../command.ts';
import type { Place } from '../http-json.ts';
import type { Settings } from '../settings.ts';
import { jsonText } from '../terminal.ts';
import { simulationText } from './simulation-text.ts';
import { readFile } from './validate.ts';

interface SimulateFlags {
  readonly last?: string;
  readonly traces?: string;
  readonly against?: string;
  readonly environment?: string;
}

/** Longer than a gateway looks at its window. */
const answerWithinMs = 45_000;
const maxFileBytes = 1 << 30;

export function registerSimulate(parent: Command, run: Run): void {
  parent
    .command('simulate <file>')
    .description("what these rules would keep of the gateways' windows, policy by policy, beside today's")
    .option('--last <time>', 'only of so long ago, e.g. 10m (default: all there is)')
    .option(
      '--traces <file>',
      'of these instead: OTLP JSON, a request a line, or protobuf requests after their lengths',
    )
    .option('--against <file>', 'with --traces: today’s rules (default: those of an empty rules file)')
    .option('-e, --environment <name>', 'with --traces: whose rules (DEPLOYMENT_ENVIRONMENT; default home)')
    .action((file: string, flags: SimulateFlags, command: Command) =>
      run(command, (settings) => simulate(file, flags, settings)),
    );
}

/** `obsctl sampling simulate FILE`: exit code 3 where there was no trace to try them on, 4 where not all were. */
async function simulate(file: string, flags: SimulateFlags, settings: Settings): Promise<ExitCode> {
  const { io, output } = settings;
  const simulation =
    flags.traces === undefined ? await onGateways(file, flags, settings) : await onFile(file, flags, io.env);
  if (output === 'table') io.stdout.write(simulationText(simulation, settings));
  else if (output === 'ids')
    for (const { traceId } of [...simulation.won.examples, ...simulation.lost.examples])
      io.stdout.write(`${traceId}\n`);
  else io.stdout.write(`${jsonText(simulation, output === 'json' ? 2 : 0)}\n`);
  for (const { policy, votes } of simulation.candidate.policies)
    if (votes === 0 && simulation.traces > 0)
      io.stderr.write(`obsctl: warning: ${printable(policy)}: no trace of these meets it\n`);
  const unanswered = (simulation.unanswered ?? []).map(({ member }) => printable(member));
  if (unanswered.length > 0) io.stderr.write(`obsctl: without these gateways: ${unanswered.join(', ')}\n`);
  else if (!simulation.complete)
    io.stderr.write('obsctl: there was no time for all of the window: ask for less (--last)\n');
  if (simulation.traces === 0) return exit.nothing;
  return simulation.complete ? exit.found : exit.partial;
}

async function onGateways(file: string, { last, against, environment }: SimulateFlags, settings: Settings) {
  if (against !== undefined || environment !== undefined)
    throw new CommandError('--against and --environment belong to --traces: a gateway knows its own', exit.usage);
  return await simulateText(readFile(file), file, last, settings);
}

/** The rules of this text, which is a file's or nearly, on the windows of all gateways. */
export async function simulateText(
  rules: string,
  file: string,
  last: string | undefined,
  settings: Settings,
): Promise<Simulation> {
  const each = await Promise.all(settings.gateways.map((gateway) => ask(gateway, file, { rules, last }, settings)));
  return sumOf(eachOnce(each));
}

/** Any gateway of a fleet answers for all of it: of those that say the same gateways' the first counts. */
function eachOnce(each: readonly Simulation[]): readonly Simulation[] {
  const covered = new Set<string>();
  return each.filter(({ gateways = [] }) => {
    const isNew = gateways.length === 0 || gateways.some((name) => !covered.has(name));
    for (const name of gateways) covered.add(name);
    return isNew;
  });
}

/** Those in force on each gateway, with their text; what they keep of its window. */
export async function simulateInForce(last: string | undefined, settings: Settings): Promise<Simulation[]> {
  return await Promise.all(settings.gateways.map((gateway) => ask(gateway, 'rules', { last }, settings)));
}

async function ask(gateway: Place, file: string, asked: object, { client, timeoutMs }: Settings): Promise<Simulation> {
  const within = Math.max(timeoutMs, answerWithinMs);
  const { status, body } = await client.post(gateway, '/api/simulate', asked, [400, 404, 405], within);
  if (status === 200) return body as Simulation;
  if (status !== 400)
    throw new CommandError(`${gateway.base} has no window to try rules on: set window.max_bytes in its boot file`);
  const { error } = JSON.parse(String(body)) as { error?: unknown };
  throw new CommandError(String(error).replaceAll(/^rules(?=:)/gm, file), exit.usage);
}

async function onFile(file: string, flags: SimulateFlags, env: Settings['io']['env']): Promise<Simulation> {
  if (flags.last !== undefined) throw new CommandError('--last is of a window, not of --traces', exit.usage);
  const environment = flags.environment || env.DEPLOYMENT_ENVIRONMENT || 'home';
  const [today, candidate] = [flags.against, file].map((each) => documentOf(each, environment));
  const traces = flags.traces!;
  try {
    const bytes = readFileSync(traces);
    if (bytes.length > maxFileBytes) throw new Error(`${bytes.length} bytes: expected at most ${maxFileBytes}`);
    return await simulateRecorded(bytes, today, candidate, { environment, debug: false, tenant: '' });
  } catch (error) {
    throw new CommandError(`${traces}: ${(error as Error).message}`, exit.usage);
  }
}

function documentOf(file: string | undefined, environment: string): RulesDocument {
  const parsed = file === undefined ? parseRules('{}', 'rules') : parseRules(readFile(file), file);
  if ('errors' in parsed) throw new CommandError(parsed.errors.join('\n'), exit.usage);
  const { document, report } = mergeLayers([parsed.layer]);
  const compiled = compileRules(document, environment, { debug: false });
  if ('problems' in compiled) throw new CommandError(report(compiled.problems).join('\n'), exit.usage);
  return document;
}
