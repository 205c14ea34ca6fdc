import { readFileSync } from 'node:fs';
import { decodeText, placed } from '../../../config/decode-text.ts';
import { readYaml } from '../../../config/document.ts';
import { unreadable } from '../../../config/read-text.ts';
import { mergeLayers, parseRules } from '../../../config/rules.ts';
import { rulesText } from '../../../config/rules-text.ts';
import { compileRules } from '../../../decide/compile.ts';
import type { RulesDocument } from '../../../model/rules.ts';
import { isBlock } from '../../../units.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import type { Settings } from '../settings.ts';
import { jsonText } from '../terminal.ts';
import { fromCollector } from './convert/collector.ts';
import type { Converted } from './convert/converted.ts';
import { fromRefinery } from './convert/refinery.ts';

/**
 * `obsctl sampling convert FILE`: another's rules as ours, on stdout, with what has no equal as comments there and as
 * notes on stderr. 0, or 4 where a part of it would not be taken by a gateway.
 */
export async function convert(
  file: string,
  flags: { readonly environment?: string },
  { io, output }: Settings,
): Promise<ExitCode> {
  const environment = flags.environment || io.env.DEPLOYMENT_ENVIRONMENT || 'home';
  const { fields, notes } = converted(file, environment);
  const text = rulesText(fields as Partial<RulesDocument>);
  const problems = problemsOf(text, environment);
  for (const note of notes) io.stderr.write(`obsctl: ${printable(note)}\n`);
  for (const problem of problems) io.stderr.write(`obsctl: would not be taken: ${printable(problem)}\n`);
  const comments = [...notes, ...problems.map((each) => `would not be taken: ${each}`)];
  if (output === 'json') io.stdout.write(`${jsonText({ rules: fields, notes, problems }, 2)}\n`);
  else io.stdout.write(`${comments.map((each) => `# ${printable(each)}\n`).join('')}${text}`);
  return problems.length > 0 ? exit.partial : exit.found;
}

function converted(file: string, environment: string): Converted {
  const yaml = readYaml(read(file), file);
  if (yaml.errors.length > 0) throw usage(yaml.errors.join('\n'));
  const { value } = yaml;
  const found = isBlock(value) ? (fromRefinery(value, environment) ?? fromCollector(value)) : undefined;
  if (found) return found;
  throw usage(`${file}: neither a Collector's configuration with tail_sampling nor Refinery's rules (Samplers)`);
}

/** By the gateway's own code. */
function problemsOf(text: string, environment: string): readonly string[] {
  const parsed = parseRules(text, 'rules');
  if ('errors' in parsed) return parsed.errors;
  const { document, report } = mergeLayers([parsed.layer]);
  const compiled = compileRules(document, environment, { debug: false });
  return 'problems' in compiled ? report(compiled.problems) : [];
}

function read(file: string): string {
  try {
    const text = decodeText(readFileSync(file));
    if (typeof text === 'string') return text;
    throw usage(placed(file, text));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw usage(`${file}: ${unreadable(error, 'there is no such file')}`);
  }
}

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
