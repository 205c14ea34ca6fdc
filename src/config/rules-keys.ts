import * as v from 'valibot';
import type { Problem, RulesDocument } from '../model/rules.ts';
import { unknownKey } from '../units.ts';
import { problemsOf, readYaml, sentence, told, type YamlText } from './document.ts';
import { type LayerResult, percent, ruleFields } from './rules.ts';

/** A key of Consul's KV store, its name relative to the folder of the environment. */
export interface KvEntry {
  readonly key: string;
  readonly value: string;
}

/**
 * The fields that may be keys. A folder belongs to one environment, so its baseline is one number; `late` is the file's
 * alone. `tenants` is a block as in the file.
 */
const { late: _, ...others } = ruleFields;
export const keyFields: Record<string, v.GenericSchema> = { ...others, baseline_percent: v.nullable(percent) };

/** These may be written `a, b` as well. */
const separable = ['error_status_codes', 'routes'];

/**
 * The keys in `folder` (such as `tailgate/sampling/home`) as a layer over the rules file: one that is present overrides
 * the file's field. Errors are named `consul:<folder>/<key>: …`, with the line where a value has several; one wrong key
 * refuses them all.
 */
export function parseKeys(entries: readonly KvEntry[], folder: string): LayerResult {
  const values = entries.filter(({ key }) => !isFolder(key)).map((entry) => parseKey(entry, folder));
  const errors = values.flatMap((value) => value.errors);
  if (errors.length > 0) return { errors: told(errors) };
  const texts = new Map(values.map(({ key, yaml }) => [key, yaml]));
  return {
    layer: {
      fields: Object.fromEntries(values.map(({ key, value }) => [key, value])) as Partial<RulesDocument>,
      report: (problems) => problems.flatMap((problem) => reportWithin(texts, folder, problem)),
    },
  };
}

/** Consul's UI makes folders as keys that end in a slash. */
export function isFolder(key: string): boolean {
  return key === '' || key.endsWith('/');
}

interface KeyValue {
  readonly key: string;
  readonly yaml: YamlText;
  readonly value: unknown;
  readonly errors: readonly string[];
}

function parseKey({ key, value }: KvEntry, folder: string): KeyValue {
  const name = `consul:${folder}/${key}`;
  const yaml = readYaml(value, name, { place: /\n./.test(value) ? undefined : () => name });
  const wrong = (...errors: string[]) => ({ key, yaml, value: undefined, errors });
  const field = Object.hasOwn(keyFields, key) && keyFields[key];
  if (!field) return wrong(`${name}: ${unknownKey(key, Object.keys(keyFields))}`);
  if (yaml.errors.length > 0) return wrong(...yaml.errors);
  if (yaml.empty) return wrong(`${name}: empty: write null to switch it off, or delete the key to use the file's`);
  const parsed = v.safeParse(field, separable.includes(key) ? separated(yaml.value) : yaml.value);
  if (!parsed.success) return wrong(...yaml.report(problemsOf(parsed.issues)));
  return { key, yaml, value: parsed.output, errors: [] };
}

/** `/login, /upload` as a list. */
function separated(value: unknown): unknown {
  return typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value;
}

/** The first step of a problem's path is the key, the rest lies inside its value. */
function reportWithin(texts: ReadonlyMap<string, YamlText>, folder: string, problem: Problem): string[] {
  const { path, message } = problem;
  return (
    texts.get(String(path[0]))?.report([{ path: path.slice(1), message }]) ?? [`consul:${folder}: ${sentence(problem)}`]
  );
}
