import { stringify } from 'yaml';
import type { RulesDocument } from '../model/rules.ts';
import { isBlock } from '../options.ts';
import { ruleFields } from './rules.ts';

/** Lines that are broken anew nobody can compare. */
const options = { lineWidth: 0 } as const;

/** Rules as a document of YAML: the same text for the same rules, however they were written. */
export function rulesText(fields: Partial<RulesDocument>): string {
  const known = Object.keys(ruleFields).filter((name) => Object.hasOwn(fields, name));
  if (known.length === 0) return '';
  return stringify(
    Object.fromEntries(known.map((name) => [name, inOrder(fields[name as keyof RulesDocument])])),
    options,
  );
}

/** A field's value as a key in Consul has it. */
export const keyText = (value: unknown): string => stringify(inOrder(value), options).trimEnd();

/** Blocks begin with what names them. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isBlock(value)) return value;
  const { name, type, ...others } = value;
  const rest = Object.entries(others).map(([key, each]) => [key, inOrder(each)]);
  return { ...(name !== undefined && { name }), ...(type !== undefined && { type }), ...Object.fromEntries(rest) };
}
