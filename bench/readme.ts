import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type ShippedResults, shippedTable } from './shipped-table.ts';
import { type Results, tableOf } from './table.ts';

/**
 * `readme.ts [RESULT.json [SHIPPED.json]]`: puts the tables of a run of `make bench` and of one of `make
 * bench-shipped`, by default the newest, between the markers in README.md.
 */
const folder = new URL('results/', import.meta.url);
const readme = new URL('../README.md', import.meta.url);
const [begin, end] = ['<!-- bench: written by bench/readme.ts -->', '<!-- end of bench -->'];

const all = readdirSync(folder).filter((name) => name.endsWith('.json'));

/** The newest whose name begins so; names hold the time. */
function newest(begins: RegExp): URL | undefined {
  const name = all
    .filter((one) => begins.test(one))
    .sort()
    .at(-1);
  return name === undefined ? undefined : new URL(name, folder);
}

function read<T>(file: string | URL | undefined): T | undefined {
  return file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as T);
}

const results = read<Results>(process.argv[2] ?? newest(/^\d/));
if (results === undefined) throw new Error('bench/results is empty: run `make bench` first');
const shipped = read<ShippedResults>(process.argv[3] ?? newest(/^shipped-/));
const tables = [tableOf(results), ...(shipped === undefined ? [] : [shippedTable(shipped)])].join('\n\n');
const text = readFileSync(readme, 'utf8');
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`README.md lacks the lines ${begin} and ${end}`);
writeFileSync(readme, `${text.slice(0, from + begin.length)}\n${tables}\n${text.slice(to)}`);
