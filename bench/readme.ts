import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Results, tableOf } from './table.ts';

/** `readme.ts [RESULT.json]`: puts the table of a run, by default the newest, between the markers in README.md. */
const folder = new URL('results/', import.meta.url);
const readme = new URL('../README.md', import.meta.url);
const [begin, end] = ['<!-- bench: written by bench/readme.ts -->', '<!-- end of bench -->'];

const newest = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .at(-1);
const file = process.argv[2] ?? (newest && new URL(newest, folder));
if (file === undefined) throw new Error('bench/results is empty: run `make bench` first');
const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
const text = readFileSync(readme, 'utf8');
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`README.md lacks the lines ${begin} and ${end}`);
writeFileSync(readme, `${text.slice(0, from + begin.length)}\n${tableOf(results)}\n${text.slice(to)}`);
