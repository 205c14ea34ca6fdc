import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Loadgen } from './loadgen.ts';
import { measureShipped, type ShippedPlan, type ShippedRun } from './shipped-run.ts';
import { type ShippedName, shippedSubjects, toCollector } from './shipped-subjects.ts';
import { type ShippedResults, shippedTable } from './shipped-table.ts';
import { loadCpu } from './subjects.ts';
import { median } from './table.ts';

/**
 * `make bench-shipped LOADGEN=PROGRAM`: what people start, under a load client that is not ours: the shipped
 * configuration with its store, and gzip to that client's sink, which reads no zstd, or zstd to a Collector; the same
 * without both; and the Collector, alternating. A quarter of an hour. --rounds 3 --seconds 8 --wait 7 --steady 15
 * (0 = no latencies) --subjects "as shipped,store alone" --one-percent false.
 */
const { values } = parseArgs({
  options: {
    loadgen: { type: 'string', default: process.env.LOADGEN ?? '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    wait: { type: 'string', default: '7' },
    steady: { type: 'string', default: '15' },
    subjects: {
      type: 'string',
      default: 'as shipped,shipped, zstd to a Collector,without store and gzip,Collector, tail_sampling',
    },
    'one-percent': { type: 'string', default: 'true' },
  },
});
if (values.loadgen === '') throw new Error('usage: make bench-shipped LOADGEN=PROGRAM; docs/performance.md says which');

const plan: ShippedPlan = {
  seconds: Number(values.seconds),
  waitSeconds: Number(values.wait),
  steadySeconds: Number(values.steady),
};
const loadgen = new Loadgen(values.loadgen, loadCpu);
const wanted = (Object.keys(shippedSubjects) as ShippedName[]).filter((name) => values.subjects.includes(name));
const names = wanted.toSorted((a, b) => values.subjects.indexOf(a) - values.subjects.indexOf(b));
const rounds = Number(values.rounds);
const runs: ShippedRun[] = [];
for (let round = 1; round <= rounds; round++) {
  for (const name of round % 2 === 1 ? names : names.toReversed()) runs.push(await measure(name, round));
}

/**
 * Latencies are compared at one rate, half of what the shipped configuration reached. The Collector's are not: it would
 * be another rate.
 */
async function measure(name: ShippedName, round: number): Promise<ShippedRun> {
  const isCollector = name.startsWith('Collector');
  const reached = runs.filter(({ subject }) => subject === 'as shipped').map((run) => run.spansPerSecond / 2);
  const steadyRate = name === 'as shipped' || reached.length === 0 ? {} : { steadyRate: median(reached) };
  const run = await measureShipped(loadgen, {
    name,
    plan: isCollector ? { ...plan, steadySeconds: 0 } : plan,
    onePercent: (name === 'as shipped' || toCollector.has(name)) && values['one-percent'] === 'true',
    ...steadyRate,
  });
  console.error(`${round}/${rounds} ${name}: ${JSON.stringify(run)}`);
  return run;
}

const results: ShippedResults = {
  at: new Date().toISOString(),
  machine: `${availableParallelism()} cores ${cpus()[0]?.model.trim() ?? ''}`,
  versions: `Tailgate ${execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()}, Node ${process.version}`,
  plan,
  rounds,
  runs,
};
const folder = new URL('results/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL(`shipped-${results.at.replaceAll(':', '-')}.json`, folder), JSON.stringify(results, null, 2));
console.log(shippedTable(results));
