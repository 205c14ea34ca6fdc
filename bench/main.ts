import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { caseOf } from './corpus.ts';
import { measure, type Plan, type Run } from './run.ts';
import { collectorBinary, gatewayCpu, type SubjectName, subjects } from './subjects.ts';
import { type Results, tableOf } from './table.ts';

/**
 * `make bench`: alternating runs of every subject on one load, each pinned to one processor. Without arguments some
 * five minutes; `--full` takes forty minutes: five runs, the gateway's latencies in each, others' in the last.
 * --subjects "a,b" --cases whole,split --runs 5 --seconds 10 --wait 10 --steady 20 --cpus 0,1 --shards 2.
 */
const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    subjects: { type: 'string' },
    cases: { type: 'string' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    wait: { type: 'string' },
    steady: { type: 'string' },
    cpus: { type: 'string', default: gatewayCpu },
    shards: { type: 'string', default: '1' },
  },
});
const plan: Plan = {
  warmSeconds: 3,
  seconds: Number(values.seconds ?? (values.full ? 8 : 4)),
  // The gateway's event-loop delay looks back 30 s: with the wait that goes before, it says nothing of the saturation
  // any more.
  steadySeconds: Number(values.steady ?? (values.full ? 25 : 4)),
  waitSeconds: Number(values.wait ?? (values.full ? 10 : 3)),
  cpus: values.cpus,
  shards: Number(values.shards),
};
const rounds = Number(values.runs ?? (values.full ? 5 : 1));

const everything = Object.keys(subjects) as SubjectName[];
const decidingOnly = everything.filter((name) => subjects[name].decides && !name.includes('TLS'));

/**
 * All are compared on the first case, those that decide on the second and, in the full form, on the third; then the
 * gateway alone. Names hold commas, so they are looked for in the text.
 */
function subjectsFor(shape: string): SubjectName[] {
  if (caseOf(shape).protocol === 'http') return shape === 'http' ? ['tailgate', 'tailgate with TLS'] : ['tailgate'];
  const wanted = values.subjects;
  if (wanted !== undefined) return everything.filter((name) => wanted.includes(name));
  if (shape === 'whole') return everything;
  return shape === 'split' || values.full ? decidingOnly : ['tailgate'];
}

function hasCollector(): boolean {
  try {
    collectorBinary();
    return true;
  } catch {
    console.error('no Collector here (tools/servers/build.sh otelcol builds it); measuring without');
    return false;
  }
}

const collector = hasCollector();
const shapes = (values.cases ?? 'whole,split,small,http,gzip,http-gzip,crowd,alone').split(',');
const runs: Run[] = [];
/**
 * The latencies of a receiver that does nothing, at the gateway's rate: what the machine and the load client take part
 * in them.
 */
const control: SubjectName = 'no-op on our HTTP/2';
let gatewayRate: number | undefined;
for (let round = 1; round <= rounds; round++) {
  for (const shape of shapes) {
    for (const name of subjectsFor(shape)) {
      if (name.startsWith('Collector') && !collector) continue;
      const isTimed = name === 'tailgate' || name === control || (subjects[name].decides && round === rounds);
      const run = await measure(name, shape, {
        ...plan,
        steadySeconds: isTimed ? plan.steadySeconds : 0,
        ...(name === control && gatewayRate !== undefined && { steadyRate: gatewayRate }),
      });
      if (name === 'tailgate') gatewayRate = 0.7 * run.spansPerSecond;
      runs.push(run);
      console.error(
        `${round}/${rounds} ${shape}: ${name}: ${(run.spansPerCpuSecond / 1e3).toFixed(0)} k spans per CPU-second`,
      );
    }
  }
}

const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
const results: Results = {
  at: new Date().toISOString(),
  machine: `${availableParallelism()} cores ${cpus()[0]?.model.trim() ?? ''}`,
  versions: `Tailgate ${commit}, Node ${process.version}${collector ? `, ${collectorVersion()}` : ''}`,
  plan,
  rounds,
  runs,
};
const folder = new URL('results/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL(`${results.at.replaceAll(':', '-')}.json`, folder), JSON.stringify(results, null, 2));
console.log(tableOf(results));

function collectorVersion(): string {
  const text = execFileSync(collectorBinary(), ['--version'], { encoding: 'utf8' });
  return `Collector ${/\d+\.\d+\.\d+/.exec(text)?.[0] ?? text.trim()}`;
}
