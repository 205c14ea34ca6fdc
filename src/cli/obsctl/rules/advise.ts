import { basename } from 'node:path';
import type { Command } from 'commander';
import { collectorBlock } from '../../../config/collector-rules.ts';
import { readYaml } from '../../../config/document.ts';
import { parseRules } from '../../../config/rules.ts';
import { edited, type RulesEdit } from '../../../config/rules-edit.ts';
import type { Simulation } from '../../../simulate/simulation.ts';
import { isBlock, parseSize } from '../../../units.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { readStatus } from '../answers.ts';
import { printable } from '../cells.ts';
import type { Run } from '../command.ts';
import type { Settings } from '../settings.ts';
import { sizeText } from '../status.ts';
import { jsonText } from '../terminal.ts';
import { largestShare } from './largest-share.ts';
import { simulateText } from './simulate.ts';
import { unifiedDiff } from './unified-diff.ts';
import { readFile } from './validate.ts';

interface AdviseFlags {
  readonly target?: string;
  readonly last?: string;
}

/** One change, with what it would do: kept bytes a day before and after, traces that would be kept no more, or beside. */
interface Advice {
  readonly why: string;
  readonly diff: string;
  readonly bytesPerDay: { readonly before: number; readonly after: number };
  readonly wonTraces: number;
  readonly lostTraces: number;
}

/** Errors and slow spans are waited for, though minutes may pass without one. */
const knobs: Readonly<Record<string, string>> = { routes: 'routes' };
/** What probes and scrapers ask for. */
const noiseRoutes = ['/health', '/healthz', '/livez', '/live', '/readyz', '/ready', '/ping', '/metrics'];
/** A longer trace does something, though a probe is in it. */
const noise = {
  name: 'drop-probes',
  type: 'drop',
  drop: {
    drop_sub_policy: [
      { name: 'probes', type: 'route', route: { routes: noiseRoutes } },
      { name: 'short', type: 'span_count', span_count: { min_spans: 1, max_spans: 3 } },
    ],
  },
};
/** A service that takes so much of what is kept is named. */
const muchOfAll = 0.25;

export function registerAdvise(parent: Command, run: Run): void {
  parent
    .command('advise <file>')
    .description('changes of a rules file, each as a diff, with what they would do by the windows of the gateways')
    .option('--target <size/day>', 'kept bytes a day to come to, by a lower baseline, e.g. 50GB/day')
    .option('--last <time>', 'by what came in so long, e.g. 10m (default: all there is)')
    .action((file: string, flags: AdviseFlags, command: Command) => run(command, (it) => advise(file, flags, it)));
}

/** `obsctl sampling advise FILE`: exit code 3 where there is nothing to advise. */
async function advise(file: string, { target, last }: AdviseFlags, settings: Settings): Promise<ExitCode> {
  const { io, output } = settings;
  const targetBytes = target === undefined ? undefined : bytesOf(target);
  const text = readFile(file);
  if (collectorBlock(readYaml(text, file).value))
    throw new CommandError(
      `${file}: a Collector's configuration: obsctl sampling convert makes rules of it`,
      exit.usage,
    );
  const tryOn = (rules: string): Promise<Simulation> => simulateText(rules, file, last, settings);
  const now = await tryOn(text);
  if (now.traces === 0) throw new CommandError('there is no trace in the window to go by: try again in a minute');
  const advice: Advice[] = [];
  const propose = async (why: string, edit: RulesEdit): Promise<void> => {
    const changed = edited(text, edit);
    const then = await tryOn(changed);
    advice.push(adviceOf(why, unifiedDiff(basename(file), text, changed), now, then));
  };
  const parsed = parseRules(text, file);
  const policies = 'layer' in parsed ? (parsed.layer.fields.policies ?? []) : [];
  for (const { policy, votes, alone, overrules } of now.candidate.policies) {
    const isListed = policies.some(({ name }) => name === policy);
    const edit = isListed
      ? { removePolicy: policy }
      : policy in knobs
        ? { path: [knobs[policy]], value: null }
        : undefined;
    if (edit === undefined || alone.traces > 0 || overrules > 0) continue;
    const dropsNothing =
      votes === 0 || now.candidate.policies.some((other) => other.policy !== policy && other.votes > 0);
    if (dropsNothing)
      await propose(
        votes === 0 ? `${policy} is met by no trace` : `${policy} keeps only what others keep already`,
        edit,
      );
  }
  await propose('probes and scrapers are noise', { addPolicy: noise });
  if (advice.at(-1)!.lostTraces === 0) advice.pop();
  if (targetBytes !== undefined && now.candidate.perDay.bytes > targetBytes) {
    const path = await baselinePath(text, settings);
    const bytesWith = async (value: number): Promise<number> =>
      (await tryOn(edited(text, { path, value }))).candidate.perDay.bytes;
    const share = await largestShare(targetBytes, bytesWith);
    const why =
      share === 0 ? `even without a baseline it is more than ${target}` : `a baseline of ${share} % comes to ${target}`;
    await propose(why, { path, value: share });
  }
  if (output === 'table') io.stdout.write(advice.map(adviceText).join('\n'));
  else io.stdout.write(`${jsonText(advice, output === 'json' ? 2 : 0)}\n`);
  for (const { service, candidate } of now.services)
    if (candidate.bytes > muchOfAll * now.candidate.keptBytes)
      io.stderr.write(
        `obsctl: ${printable(service)} takes ${Math.round((100 * candidate.bytes) / now.candidate.keptBytes)} % of the kept bytes\n`,
      );
  return advice.length === 0 ? exit.nothing : exit.found;
}

/** Where the baseline stands of the gateways' environment; others' shares are none of this advice's business. */
async function baselinePath(text: string, { client, gateway }: Settings): Promise<readonly string[]> {
  const shares: unknown = readYaml(text, '').value;
  const { baseline_percent: share } = isBlock(shares) ? shares : {};
  if (!isBlock(share)) return ['baseline_percent'];
  const { environment } = readStatus((await client.get(gateway, '/api/status')).body, gateway);
  return ['baseline_percent', environment];
}

const adviceOf = (why: string, diff: string, before: Simulation, after: Simulation): Advice => ({
  why,
  diff,
  bytesPerDay: { before: before.candidate.perDay.bytes, after: after.candidate.perDay.bytes },
  wonTraces: Math.max(0, after.candidate.keptTraces - before.candidate.keptTraces),
  lostTraces: Math.max(0, before.candidate.keptTraces - after.candidate.keptTraces),
});

const adviceText = ({ why, diff, bytesPerDay: { before, after }, lostTraces }: Advice): string =>
  `# ${printable(why)}: ${sizeText(before)} a day becomes ${sizeText(after)}, ${lostTraces} traces of the window fewer\n${diff}`;

function bytesOf(target: string): number {
  const size = parseSize(target.replace(/\/day$/, ''));
  if (size !== undefined && target.endsWith('/day')) return size;
  throw new CommandError(`--target ${target}: expected a size a day such as 50GB/day`, exit.usage);
}
