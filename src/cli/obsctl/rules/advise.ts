import { basename } from 'node:path';
import type { Command } from 'commander';
import { collectorBlock } from '../../../config/collector-rules.ts';
import { readYaml } from '../../../config/document.ts';
import { edited, type RulesEdit } from '../../../config/rules-edit.ts';
import type { Simulation } from '../../../simulate/simulation.ts';
import { sumOf } from '../../../simulate/sum.ts';
import { isBlock, parseSize } from '../../../units.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { readStatus } from '../answers.ts';
import { printable } from '../cells.ts';
import type { Run } from '../command.ts';
import type { Settings } from '../settings.ts';
import { sizeText } from '../status.ts';
import { jsonText } from '../terminal.ts';
import { largestShare } from './largest-share.ts';
import { type Cap, caps, muchOfAll, noise, withoutEffect } from './proposals.ts';
import { simulateInForce, simulateText } from './simulate.ts';
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
  /** The whole text with the change made. */
  readonly rules: string;
  readonly bytesPerDay: { readonly before: number; readonly after: number };
  readonly wonTraces: number;
  readonly lostTraces: number;
}

/** Rules that advice is of. */
interface Advised {
  /** As it is called in diffs. */
  readonly name: string;
  readonly text: string;
  /** What they keep. */
  readonly now: Simulation;
  /** What others would keep, which are a change of them. */
  tryOn(text: string): Promise<Simulation>;
}

export function registerAdvise(parent: Command, run: Run): void {
  parent
    .command('advise [file]')
    .description(
      'changes of a rules file, or of the rules in force, each as a diff, with what they would do by the windows of the gateways',
    )
    .option('--target <size/day>', 'kept bytes a day to come to, by a lower baseline, e.g. 50GB/day')
    .option('--last <time>', 'by what came in so long, e.g. 10m (default: all there is)')
    .action((file: string | undefined, flags: AdviseFlags, command: Command) =>
      run(command, (it) => advise(file, flags, it)),
    );
}

/** `obsctl sampling advise [FILE]`: exit code 3 where there is nothing to advise. */
async function advise(file: string | undefined, { target, last }: AdviseFlags, settings: Settings): Promise<ExitCode> {
  const { io, output } = settings;
  const mostBytes = target === undefined ? undefined : bytesOf(target);
  const rules = file === undefined ? await inForce(last, settings) : await ofFile(file, last, settings);
  if (rules.now.traces === 0) throw new CommandError('there is no trace in the window to go by: try again in a minute');
  const { text, now } = rules;
  const advice: Advice[] = [];
  for (const { why, edit } of withoutEffect(text, now)) advice.push(await adviceOf(why, edit, rules));
  for (const { why, edit } of noise(text)) {
    const found = await adviceOf(why, edit, rules);
    if (found.lostTraces > 0) advice.push(found);
  }
  for (const cap of caps(text, now)) advice.push(...(await capped(cap, rules)));
  if (mostBytes !== undefined && now.candidate.perDay.bytes > mostBytes)
    advice.push(await toTarget({ target: target!, mostBytes }, rules, settings));
  if (output === 'table') io.stdout.write(advice.map(adviceText).join('\n'));
  else io.stdout.write(`${jsonText(advice, output === 'json' ? 2 : 0)}\n`);
  for (const { service, candidate } of now.services)
    if (candidate.bytes > muchOfAll * now.candidate.keptBytes)
      io.stderr.write(
        `obsctl: ${printable(service)} takes ${percentOf(candidate.bytes / now.candidate.keptBytes)} of the kept bytes\n`,
      );
  return advice.length === 0 ? exit.nothing : exit.found;
}

async function ofFile(file: string, last: string | undefined, settings: Settings): Promise<Advised> {
  const text = readFile(file);
  if (collectorBlock(readYaml(text, file).value))
    throw new CommandError(
      `${file}: a Collector's configuration: obsctl sampling convert makes rules of it`,
      exit.usage,
    );
  const tryOn = (rules: string): Promise<Simulation> => simulateText(rules, file, last, settings);
  return { name: basename(file), text, now: await tryOn(text), tryOn };
}

/** What the gateways have in force, which must be the same everywhere. */
async function inForce(last: string | undefined, settings: Settings): Promise<Advised> {
  const each = await simulateInForce(last, settings);
  const texts = new Set(each.map(({ rules }) => rules));
  const [text] = texts;
  if (text === undefined)
    throw new CommandError('the gateway does not say which rules are in force: name a rules file', exit.usage);
  if (texts.size > 1)
    throw new CommandError('the gateways have different rules in force: name one of them, or a rules file', exit.usage);
  const name = 'rules.yaml';
  return { name, text, now: sumOf(each), tryOn: (rules) => simulateText(rules, name, last, settings) };
}

/** Less of a service that takes much: errors and slow traces stay, so it may take much still. */
async function capped(cap: Cap, rules: Advised): Promise<Advice[]> {
  const { service, share, mostBytes, beside } = cap;
  const bytesWith = async (percent: number): Promise<number> => {
    const { services } = await rules.tryOn(edited(rules.text, cap.edit(percent)));
    return services.find((each) => each.service === service)?.candidate.bytes ?? 0;
  };
  const percent = await largestShare(mostBytes, bytesWith);
  if (percent === 0) return [];
  const why = `${service} takes ${percentOf(share)} of what is kept: ${percent} % of its healthy and quick traces come to ${percentOf(muchOfAll)}${beside}`;
  return [await adviceOf(why, cap.edit(percent), rules)];
}

async function toTarget(
  { target, mostBytes }: { readonly target: string; readonly mostBytes: number },
  rules: Advised,
  settings: Settings,
): Promise<Advice> {
  const path = await baselinePath(rules.text, settings);
  const bytesWith = async (value: number): Promise<number> =>
    (await rules.tryOn(edited(rules.text, { path, value }))).candidate.perDay.bytes;
  const share = await largestShare(mostBytes, bytesWith);
  const why =
    share === 0 ? `even without a baseline it is more than ${target}` : `a baseline of ${share} % comes to ${target}`;
  return await adviceOf(why, { path, value: share }, rules);
}

/** Where the baseline stands of the gateways' environment; others' shares are none of this advice's business. */
async function baselinePath(text: string, { client, gateway }: Settings): Promise<readonly string[]> {
  const shares: unknown = readYaml(text, '').value;
  const { baseline_percent: share } = isBlock(shares) ? shares : {};
  if (!isBlock(share)) return ['baseline_percent'];
  const { environment } = readStatus((await client.get(gateway, '/api/status')).body, gateway);
  return ['baseline_percent', environment];
}

async function adviceOf(why: string, edit: RulesEdit, { name, text, now, tryOn }: Advised): Promise<Advice> {
  const changed = edited(text, edit);
  const { candidate: after } = await tryOn(changed);
  const { candidate: before } = now;
  return {
    why,
    diff: unifiedDiff(name, text, changed),
    rules: changed,
    bytesPerDay: { before: before.perDay.bytes, after: after.perDay.bytes },
    wonTraces: Math.max(0, after.keptTraces - before.keptTraces),
    lostTraces: Math.max(0, before.keptTraces - after.keptTraces),
  };
}

const percentOf = (share: number): string => `${Math.round(100 * share)} %`;

const adviceText = ({ why, diff, bytesPerDay: { before, after }, lostTraces }: Advice): string =>
  `# ${printable(why)}: ${sizeText(before)} a day becomes ${sizeText(after)}, ${lostTraces} traces of the window fewer\n${diff}`;

function bytesOf(target: string): number {
  const size = parseSize(target.replace(/\/day$/, ''));
  if (size !== undefined && target.endsWith('/day')) return size;
  throw new CommandError(`--target ${target}: expected a size a day such as 50GB/day`, exit.usage);
}
