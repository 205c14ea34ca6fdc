import { isMap, isScalar, type Node, parseDocument, stringify } from 'yaml';
import type { RulesDocument } from '../model/rules.ts';
import { isBlock } from '../units.ts';
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

/**
 * What a document says of each field, as it is written there, comments included. Whoever uses it must see whether it
 * says the same by itself: an alias may lead out of it.
 */
export function fieldTexts(text: string): ReadonlyMap<string, string> {
  const { contents } = parseDocument(text, { schema: 'core', resolveKnownTags: false, uniqueKeys: false });
  if (!isMap(contents)) return new Map();
  const pairs = contents.items.flatMap(({ key, value }) => {
    const { range } = (value ?? {}) as Partial<Node>;
    return isScalar(key) && range ? [[String(key.value), sourceOf(text, range)] as const] : [];
  });
  return new Map(pairs);
}

/** From the beginning of its first line, where it has lines of its own; without what they are indented by. */
function sourceOf(text: string, [start, end]: readonly [number, number, number]): string {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const indent = text.slice(lineStart, start);
  if (!/^ *$/.test(indent)) return text.slice(start, end).trimEnd();
  return text
    .slice(lineStart, end)
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line.trimStart()))
    .join('\n')
    .trimEnd();
}
