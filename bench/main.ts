import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measure, type Plan, type Run } from './run.ts';
import { subjects } from './subjects.ts';

/**
 * `make bench`: alternating runs of every subject on one load, each pinned to one processor; medians, spread and ratios to the
 * first subject named. BENCH arguments: --subjects a,b --cases whole,split --runs 5 --seconds 10 --wait 10.
 */
const { values } = parseArgs({
  options: {
    subjects: { type: 'string', default: 'tailgate,no-op on grpc-js,no-op on node:http2' },
    cases: { type: 'string', default: 'whole' },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    wait: { type: 'string', default: '10' },
  },
});
const names = values.subjects.split(',').map((name) => name.trim());
for (const name of names)
  if (!(name in subjects)) throw new Error(`unknown subject '${name}'; there are ${Object.keys(subjects).join(', ')}`);
const many = availableParallelism() > 1;
const plan: Plan = {
  warmSeconds: 3,
  seconds: Number(values.seconds),
  waitSeconds: Number(values.wait),
  cpus: many ? '1' : '0',
  loadCpus: '0',
};

const runs: Run[] = [];
for (const shape of values.cases.split(',')) {
  for (let round = 0; round < Number(values.runs); round++) {
    for (const name of names) {
      const run = await measure(name, shape, plan);
      runs.push(run);
      const memory = run.residentPerSpan === undefined ? '' : `, ${run.residentPerSpan.toFixed(0)} B resident a span`;
      const marked =
        run.marked && run.marked.sent !== run.marked.arrived ? ` LOST ${run.marked.sent - run.marked.arrived}` : '';
      console.error(
        `${shape} ${round + 1}: ${name}: ${(run.spansPerCpuSecond / 1e3).toFixed(0)} k spans per CPU-second${memory}${marked}`,
      );
    }
  }
}

const median = (all: number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const git = (): string => execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}, commit ${git()}`;
const lines = [
  `Measured on ${machine}; ${values.runs} alternating runs, ${plan.seconds} s each, ${plan.waitSeconds} s wait, one core.`,
  '',
];
lines.push(
  '| case | subject | k spans per CPU-second: median (min–max) | of the first | B resident a waiting span (wire) | p99 ms | lost |',
);
lines.push('|---|---|---|---|---|---|---|');
for (const shape of values.cases.split(',')) {
  const of = (name: string) => runs.filter((run) => run.subject === name && run.case === shape);
  const first = median(of(names[0]).map((run) => run.spansPerCpuSecond));
  for (const name of names) {
    const rates = of(name).map((run) => run.spansPerCpuSecond / 1e3);
    const memory = of(name).map((run) => run.residentPerSpan ?? 0);
    const wire = of(name)[0].wireBytesPerSpan;
    const lost = of(name).reduce((sum, { marked }) => sum + (marked ? marked.sent - marked.arrived : 0), 0);
    lines.push(
      `| ${shape} | ${name} | ${median(rates).toFixed(0)} (${Math.min(...rates).toFixed(0)}–${Math.max(...rates).toFixed(0)}) ` +
        `| ${((median(rates) * 1e3) / first).toFixed(2)} | ${median(memory) > 0 ? `${median(memory).toFixed(0)} (${wire.toFixed(0)})` : ''} ` +
        `| ${median(of(name).map((run) => run.p99Ms)).toFixed(1)} | ${of(name)[0].marked ? lost : ''} |`,
    );
  }
}
console.log(lines.join('\n'));
const folder = new URL('results/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(
  new URL(`${new Date().toISOString().replaceAll(':', '-')}.json`, folder),
  JSON.stringify({ machine, plan, runs }, null, 2),
);
