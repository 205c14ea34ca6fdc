// Writes the table of docs/configuration.md from the schema of the boot file: bin/node tools/configuration-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { bootSchema } from '../src/config/schema.ts';

/** What zod tells of a key. */
interface Described {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
  readonly not?: object;
}

export const page = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

/** The table's lines, one for each key that holds a value, in the order of the schema. */
export function configurationTable(): string[] {
  const schema = z.toJSONSchema(bootSchema, { io: 'input', unrepresentable: 'any' }) as Described;
  return ['| Key | Default | Meaning |', '|---|---|---|', ...rowsOf(schema, '')];
}

function rowsOf(key: Described, path: string): string[] {
  if (key.items?.properties) return rowsOf(key.items, `${path}[]`);
  const children = Object.entries(key.properties ?? {});
  if (children.length === 0) return [rowOf(key, path)];
  return children.flatMap(([name, child]) => rowsOf(child, path ? `${path}.${name}` : name));
}

function rowOf(key: Described, path: string): string {
  if (key.not) return `| \`${path}\` | | not supported in this version |`;
  const value = typeof key.default === 'string' ? key.default : JSON.stringify(key.default);
  return `| \`${path}\` | ${value === undefined ? '' : `\`${value}\``} | ${(key.description ?? '').replaceAll('|', '\\|')} |`;
}

/** The page with the table in the place of the one it has. */
export function withTable(text: string): string {
  return text.replace(/\| Key \| Default \| Meaning \|\n(\|.*\n)*/, () => `${configurationTable().join('\n')}\n`);
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')));
