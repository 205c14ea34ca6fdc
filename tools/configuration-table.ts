// Writes the table of docs/configuration.md from the schema of the boot file: bin/node tools/configuration-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { bootSchema } from '../src/config/schema.ts';

export const page = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

/** What valibot's schemas have in them, as far as the table asks. */
type Key = v.GenericSchema & {
  readonly default?: unknown;
  readonly item?: Key;
  readonly wrapped?: Key;
};

/** The table's lines, one for each key that holds a value, in the order of the schema. */
export function configurationTable(): string[] {
  return ['| Key | Default | Meaning |', '|---|---|---|', ...rowsOf(bootSchema, '')];
}

function rowsOf(key: Key, path: string): string[] {
  const inner = key.wrapped ?? key;
  const { item } = inner;
  if (item && keysOf(item).length > 0) return rowsOf(item, `${path}[]`);
  const children = keysOf(inner);
  if (children.length === 0) return [rowOf(key, path)];
  return children.flatMap(([name, child]) => rowsOf(child, path ? `${path}.${name}` : name));
}

function keysOf(schema: v.GenericSchema): [string, Key][] {
  return Object.entries((v.getMetadata(schema).keys ?? {}) as Readonly<Record<string, Key>>);
}

function rowOf(key: Key, path: string): string {
  const meaning = v.getDescription(key) ?? '';
  if (key.wrapped?.type === 'never') return `| \`${path}\` | | ${meaning || 'not supported in this version'} |`;
  const value = typeof key.default === 'string' ? key.default : JSON.stringify(key.default);
  return `| \`${path}\` | ${value === undefined ? '' : `\`${value}\``} | ${meaning.replaceAll('|', '\\|')} |`;
}

/** The page with the table in the place of the one it has. */
export function withTable(text: string): string {
  return text.replace(/\| Key \| Default \| Meaning \|\n(\|.*\n)*/, () => `${configurationTable().join('\n')}\n`);
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')));
