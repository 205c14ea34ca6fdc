import { existsSync, readFileSync } from 'node:fs';
import { certificateBlocks, exporterFiles } from '../certificates.ts';
import { collectorBlock } from '../config/collector-rules.ts';
import { decodeText, type NoText, placed } from '../config/decode-text.ts';
import { readYaml } from '../config/document.ts';
import { doesWith } from '../config/fleet.ts';
import { FileProblem } from '../config/live-files.ts';
import { loadBoot } from '../config/load.ts';
import { unreadable } from '../config/read-text.ts';
import { mergeLayers, noRulesFile, parseRules, ruleFields } from '../config/rules.ts';
import { parseRulesTest } from '../config/rules-test-file.ts';
import { type BootConfig, bootFields } from '../config/schema.ts';
import { credentialBlocks } from '../credentials.ts';
import { compileRules } from '../decide/compile.ts';
import { lintRules } from '../decide/lint/lint.ts';
import { tenantProblems } from '../decide/tenant-rules.ts';
import type { FilesBlock } from '../open-files.ts';
import { exit } from './exit.ts';
import type { Io } from './io.ts';

/** The rules file that a boot file names, and what holds for it. */
interface RulesOf {
  readonly file: string;
  readonly environment: string;
  readonly maxBytes: number;
  /** Of the tenants there are. */
  readonly tenants: readonly string[];
}

/** What a file is, in words, or what is wrong with it. */
type Finding =
  | {
      readonly ok: string;
      readonly notes?: readonly string[];
      /** What is probably not meant, a line each. */
      readonly warnings?: readonly string[];
      readonly rules?: RulesOf;
    }
  | { readonly errors: readonly string[] };

/**
 * `tailgate check FILE…`: loads and compiles boot files and rules with the code that runs them, and reads the traces that
 * rules are tried on; the content tells which is which. A boot file's rules file is checked with it, for its environment, and so are its
 * files of certificates, keys, tokens and passwords. 0, or 2 with each error's file:line. What is probably not meant is
 * a warning: 0 as well, or with `--strict` 2.
 */
export async function check(argv: readonly string[], io: Pick<Io, 'stdout' | 'stderr' | 'env'>): Promise<number> {
  const files = argv.filter((each) => each !== strict);
  const isStrict = files.length < argv.length;
  if (files.length === 0) {
    io.stderr.write('tailgate check: expected at least one boot file or rules file\n');
    return exit.usage;
  }
  const results = files.map((file) => examine(file, io, isStrict));
  return results.every(Boolean) ? exit.found : exit.usage;
}

const strict = '--strict';

function examine(file: string, io: Pick<Io, 'stdout' | 'stderr' | 'env'>, isStrict: boolean, boot?: RulesOf): boolean {
  const finding = findingOf(file, io.env, boot);
  if ('errors' in finding) {
    for (const error of finding.errors) io.stderr.write(`${error}\n`);
    return false;
  }
  io.stdout.write(`${file}: ${finding.ok}\n`);
  for (const note of finding.notes ?? []) io.stdout.write(`${file}: note: ${note}\n`);
  const { warnings = [] } = finding;
  for (const warning of warnings) io.stderr.write(`${asWarning(warning)}\n`);
  const meant = !isStrict || warnings.length === 0;
  return (!finding.rules || examine(finding.rules.file, io, isStrict, finding.rules)) && meant;
}

function findingOf(file: string, env: Io['env'], boot?: RulesOf): Finding {
  let text: string | NoText;
  try {
    text = decodeText(readFileSync(file));
  } catch (error) {
    return { errors: [`${file}: ${unreadable(error, boot ? noRulesFile : 'there is no such file')}`] };
  }
  if (typeof text !== 'string') return { errors: [placed(file, text)] };
  const kind = boot ? 'rules' : kindOf(text, file, env);
  if (kind === 'boot') return bootFinding(text, file, env);
  if (kind === 'test') return testFinding(text, file);
  if (kind === 'rules') return rulesFinding(text, file, boot ?? { environment: env.DEPLOYMENT_ENVIRONMENT });
  return { errors: [`${file}: neither a boot file (receive, export, …) nor rules (routes, policies, …)`] };
}

/**
 * By the keys at the top: the more of them belong to a kind, the more likely. Text without any is rules, perhaps empty.
 */
function kindOf(text: string, file: string, env: Io['env']): 'boot' | 'rules' | 'test' | undefined {
  const { value } = readYaml(text, file, { env });
  if (collectorBlock(value)) return 'rules';
  const keys = value ? Object.keys(value) : Array.from(text.matchAll(/^(\w+):/gm), ([, key]) => key!);
  const share = (known: object) => keys.filter((key) => Object.hasOwn(known, key)).length;
  if (keys.length === 0) return 'rules';
  if (keys.includes('traces')) return 'test';
  // Both have tenants; a boot file has more than that.
  const { tenants: _, ...bootAlone } = bootFields;
  const [boot, rules] = [share(bootAlone), share(ruleFields)];
  if (boot + rules === 0) return undefined;
  return boot >= rules ? 'boot' : 'rules';
}

/** Its form alone: `obsctl` has what tries rules. */
function testFinding(text: string, file: string): Finding {
  const parsed = parseRulesTest(text, file);
  const run = `traces that rules are tried on: obsctl sampling test ${file} does it`;
  return 'errors' in parsed ? { errors: [...parsed.errors, `${file}: ${run}`] } : { ok: `ok (${run})` };
}

function bootFinding(text: string, file: string, env: Io['env']): Finding {
  const result = loadBoot(text, { file, env, cwd: process.cwd() });
  if ('errors' in result) return result;
  const errors = fileErrors(result.config);
  if (errors.length > 0) return { errors };
  const { rules, environment, export: exporters, tenants } = result.config;
  const names = tenants?.each.map(({ name }) => name) ?? [];
  const work = doesWith(result.config);
  if (work === 'brings') return { ok: `ok (${environment}, bringing spans to the gateways that own their traces)` };
  if (work === 'writes') return { ok: `ok (${environment}, writing to the topic ${result.config.kafka?.topic})` };
  const ok = `ok (${environment}, exporting to ${exporters.map(({ name }) => name).join(', ')})`;
  const optional = rules.consul && !existsSync(rules.file); // Consul may give all there is
  return optional ? { ok } : { ok, rules: { file: rules.file, environment, maxBytes: rules.maxBytes, tenants: names } };
}

/** Of certificates, keys, tokens and passwords, as far as they are here: where a boot file is checked, they mostly are not. */
function fileErrors(config: BootConfig): string[] {
  const ofExporters = config.export.flatMap((each) => ('otlp' in each ? (exporterFiles(each) ?? []) : []));
  const blocks = [
    ...Object.values(credentialBlocks(config)),
    ...Object.values(certificateBlocks(config)),
    ...ofExporters,
  ];
  const once = new Map(blocks.map((each) => [each.block, each]));
  return [...once.values()].flatMap(errorsOf);
}

/** Of files that count together, where all are here. */
function errorsOf({ block, paths, parse }: FilesBlock<unknown>): string[] {
  const files = Object.entries(paths);
  if (!files.every(([, path]) => existsSync(path))) return [];
  const told = (key: string, message: string) => `${block}.${key}: ${paths[key]}: ${message}`;
  const texts: Record<string, string> = {};
  try {
    for (const [key, path] of files) {
      const text = decodeText(readFileSync(path));
      if (typeof text !== 'string') return [`${block}.${key}: ${placed(path, text)}`];
      texts[key] = text;
    }
    parse(texts);
    return [];
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof FileProblem) return [told(error.key, message)];
    const [[key]] = files as [[string, string]];
    return [files.length === 1 ? told(key, message) : `${block}: ${message}`];
  }
}

/** `file:line: warning: …`, as compilers say it and tools read it. */
export const asWarning = (line: string): string => line.replace(/^(.*?:\d+: )?/, '$1warning: ');

/** Without an environment, the rules must compile for each that they name. */
function rulesFinding(
  text: string,
  file: string,
  {
    environment,
    maxBytes,
    tenants,
  }: { readonly environment: string | undefined } & Partial<Pick<RulesOf, 'maxBytes' | 'tenants'>>,
): Finding {
  const parsed = parseRules(text, file, maxBytes);
  if ('errors' in parsed) return parsed;
  const { document, notes, report } = mergeLayers([parsed.layer]);
  const shares = document.baseline_percent;
  const named = typeof shares === 'object' && shares !== null ? Object.keys(shares) : [];
  const environments = environment ? [environment] : named.length > 0 ? named : ['home'];
  const compiled = environments.map((each) => compileRules(document, each, { debug: false }));
  const problems = [
    ...compiled.flatMap((result) => ('problems' in result ? result.problems : [])),
    ...environments.flatMap((each) => tenantProblems(document, each, { debug: false }, tenants)),
  ];
  if (problems.length > 0) return { errors: [...new Set(report(problems))] };
  const counts = compiled.map((result) => ('policies' in result ? result.policies.policies.length : 0));
  const doubts = new Set(environments.flatMap((each) => report(lintRules(document, each))));
  return { ok: `ok (${Math.max(...counts)} policies)`, notes, warnings: [...doubts] };
}
