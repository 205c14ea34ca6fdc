import { readFileSync } from 'node:fs';
import { decodeText, placed } from '../../../config/decode-text.ts';
import { unreadable } from '../../../config/read-text.ts';
import {
  defaultRules,
  hashOf,
  type LayerResult,
  mergeLayers,
  parseRules,
  type RulesLayer,
} from '../../../config/rules.ts';
import { keyFields, parseKeys } from '../../../config/rules-keys.ts';
import { fieldTexts, keyText, rulesText } from '../../../config/rules-text.ts';
import { compileRules } from '../../../decide/compile.ts';
import { lintRules } from '../../../decide/lint/lint.ts';
import { tenantProblems } from '../../../decide/tenant-rules.ts';
import type { RulesDocument } from '../../../model/rules.ts';
import { CommandError, exit } from '../../exit.ts';

/** The keys of a folder: their texts by name. */
export type Keys = Readonly<Record<string, string>>;

/** Where keys are to be rules. */
export interface Place {
  readonly folder: string;
  readonly environment: string;
  /** The gateways' rules file; undefined where nobody named it. */
  readonly base: RulesLayer | undefined;
}

interface ValidRules {
  readonly document: RulesDocument;
  readonly hash: string;
  /** The keys as a document. */
  readonly text: string;
  /** What is probably not meant. */
  readonly warnings: readonly string[];
}

/** Keys by the gateway's own code, over the rules file; CommandError with a line for each thing that is wrong. */
export function validate(keys: Keys, { folder, environment, base }: Place): ValidRules {
  const entries = Object.entries(keys).map(([key, value]) => ({ key, value }));
  const { fields, layer } = checked(parseKeys(entries, folder), base ?? unknownFile(environment), environment);
  return { ...layer, text: rulesText(fields) };
}

/** A rules file's fields as keys, as they are written there, and what cannot be one; its mistakes are told by line. */
export function keysOfFile(file: string, environment: string): { keys: Keys; notes: readonly string[] } {
  const text = readFile(file);
  const parsed = parseRules(text, file);
  const { fields } = checked(parsed, unknownFile(environment), environment);
  const texts = fieldTexts(text);
  const keys: Record<string, string> = {};
  const notes = [...('layer' in parsed ? (parsed.layer.notes ?? []) : [])];
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'baseline_percent') keys[name] = keyText(shareOf(value, environment));
    else if (Object.hasOwn(keyFields, name)) keys[name] = asWritten(name, value, texts.get(name)) ?? keyText(value);
    else if (same(value, defaultRules[name as keyof RulesDocument]))
      notes.push(`${name}: left out, it is the rules file's alone`);
    else throw usage(`${file}: ${name}: cannot be a key in Consul: it belongs into the gateways' rules file`);
  }
  return { keys, notes };
}

/** The text, where it says by itself what it says in its document. */
function asWritten(name: string, value: unknown, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const alone = parseKeys([{ key: name, value: text }], '');
  return 'layer' in alone && same(alone.layer.fields[name as keyof RulesDocument], value) ? text : undefined;
}

/** A rules file that the gateways have. */
export const parseFile = (file: string): LayerResult => parseRules(readFile(file), file);

/** A rules file's text, or a CommandError. */
export function readFile(file: string): string {
  let text: ReturnType<typeof decodeText>;
  try {
    text = decodeText(readFileSync(file));
  } catch (error) {
    throw usage(`${file}: ${unreadable(error, 'there is no such file')}`);
  }
  if (typeof text === 'string') return text;
  throw usage(placed(file, text));
}

function checked(result: LayerResult, base: RulesLayer, environment: string) {
  if ('errors' in result) throw usage(result.errors.join('\n'));
  const { document, report } = mergeLayers([base, result.layer]);
  const compiled = compileRules(document, environment, { debug: false });
  const problems = [
    ...('problems' in compiled ? compiled.problems : []),
    ...tenantProblems(document, environment, { debug: false }),
  ];
  if (problems.length > 0) throw usage([...new Set(report(problems))].join('\n'));
  return {
    fields: result.layer.fields,
    layer: { document, hash: hashOf(document, environment), warnings: report(lintRules(document, environment)) },
  };
}

/** Nobody named the rules file: of an environment that is none of ours, it alone knows the share. */
function unknownFile(environment: string): RulesLayer {
  const known = Object.hasOwn(defaultRules.baseline_percent as object, environment);
  return {
    fields: known ? {} : { baseline_percent: null },
    report: (problems) => problems.map(({ message }) => message),
  };
}

/** A folder is one environment's: of several shares its own. */
const shareOf = (share: unknown, environment: string): unknown =>
  typeof share === 'object' && share !== null ? (share as Record<string, unknown>)[environment] : share;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
