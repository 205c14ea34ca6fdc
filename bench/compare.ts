import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, ratio } from './alternate.ts';
import { gateway } from './subjects.ts';
import { median } from './table.ts';

/** `make bench-compare BASE=COMMIT`: this checkout against a commit, both alive at once, bursts alternating. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cases: { type: 'string', default: 'whole,split,small' }, rounds: { type: 'string', default: '8' } },
});
const [base] = positionals;
if (base === undefined) throw new Error('usage: make bench-compare BASE=COMMIT');

const here = fileURLToPath(new URL('..', import.meta.url));
const there = mkdtempSync(join(tmpdir(), 'tailgate-base-'));
try {
  const archive = execFileSync('git', ['archive', base], { cwd: here, maxBuffer: 1 << 30 });
  execFileSync('tar', ['x', '-C', there], { input: archive });
  symlinkSync(join(here, 'node_modules'), join(there, 'node_modules'));
  const contenders = [
    { name: base, kind: gateway(there) },
    { name: 'this', kind: gateway(here) },
  ];
  for (const shape of values.cases.split(',')) {
    const [before, after] = await alternate(contenders, shape, Number(values.rounds));
    const k = (rates: number[]): string => `${(median(rates) / 1e3).toFixed(0)} k`;
    console.log(
      `${shape}: ${base} ${k(before)}, this ${k(after)} spans per CPU-second: × ${ratio(after, before).toFixed(2)}`,
    );
  }
} finally {
  rmSync(there, { recursive: true });
}
