// Writes the table of policy types of docs/rules.md from the table of kinds: bin/node tools/rules-table.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kinds } from '../src/decide/policies/index.ts';
import type { PolicyKind } from '../src/decide/policies/kind.ts';
import type { Parameter } from '../src/decide/policies/parameters.ts';

export const page = fileURLToPath(new URL('../docs/rules.md', import.meta.url));

/** The table's lines, one for each kind and one for each of its parameters. */
export function rulesTable(): string[] {
  return ['| Type | Parameter | Default | Meaning |', '|---|---|---|---|', ...[...kinds.values()].flatMap(rowsOf)];
}

function rowsOf({ type, says, parameters }: PolicyKind): string[] {
  const rows = Object.entries(parameters).map(([name, parameter]) => {
    return `| | \`${name}\` | ${defaultOf(parameter)} | ${cell(parameter.says)}: ${cell(parameter.expected)} |`;
  });
  return [`| **\`${type}\`** | | | ${cell(says)} |`, ...rows];
}

function defaultOf(parameter: Parameter<unknown>): string {
  if (!('byDefault' in parameter)) return 'must be there';
  return parameter.byDefault === undefined ? '' : `\`${JSON.stringify(parameter.byDefault)}\``;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The page with the table in the place of the one it has. */
export function withTable(text: string): string {
  return text.replace(/\| Type \| Parameter \| Default \| Meaning \|\n(\|.*\n)*/, () => `${rulesTable().join('\n')}\n`);
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')));
