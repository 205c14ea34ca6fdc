import { parseArgs } from 'node:util';
import type { LoadOrder, LoadResult } from './load.ts';
import { Measured } from './process.ts';
import { type SubjectName, startSink, subjects } from './subjects.ts';
import { median } from './table.ts';

/**
 * `make bench-cores`: everything, load and sink included, on one core and then on two, so that nothing is measured
 * beside a core that does something else. The gateway has a shard a core, the Collector a processor a core. Alternates;
 * spans per second, and what a span costs the subject. --runs 3 --seconds 8 --wait 3 --case whole --connections 4.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    wait: { type: 'string', default: '3' },
    case: { type: 'string', default: 'whole' },
    connections: { type: 'string', default: '4' },
    subjects: { type: 'string', default: 'tailgate,Collector, tail_sampling' },
  },
});
const waitSeconds = Number(values.wait);
const names = (Object.keys(subjects) as SubjectName[]).filter((name) => values.subjects.includes(name));

interface Reached {
  readonly spansPerSecond: number;
  readonly spansPerCpuSecond: number;
}

async function measure(name: SubjectName, cpus: string): Promise<Reached> {
  const { sink, sinkPort } = await startSink(cpus);
  const subject = await subjects[name].start({ cpus, waitSeconds, sinkPort, shards: cpus.split(',').length });
  let first = 1;
  const load = async (seconds: number): Promise<LoadResult> => {
    const order: LoadOrder = {
      port: subject.grpcPort,
      case: values.case,
      seconds,
      first,
      connections: Number(values.connections),
    };
    const result = await Measured.script('load.ts', [JSON.stringify(order)], cpus).json<LoadResult>('spans');
    first = result.nextTrace;
    return result;
  };
  try {
    await load(waitSeconds + 3);
    const before = subject.process.cpuSeconds();
    const { spans, seconds } = await load(Number(values.seconds));
    return { spansPerSecond: spans / seconds, spansPerCpuSecond: spans / (subject.process.cpuSeconds() - before) };
  } finally {
    await subject.process.stop();
    await sink.stop();
  }
}

const runs = names.map((name) => ({ name, one: [] as Reached[], two: [] as Reached[] }));
for (let round = 0; round < Number(values.runs); round++) {
  for (const run of runs) {
    run.one.push(await measure(run.name, '1'));
    run.two.push(await measure(run.name, '0,1'));
  }
}
for (const { name, one, two } of runs) {
  const k = (rates: readonly number[]): string => `${(median(rates) / 1e3).toFixed(0)} k`;
  const times = (of: (reached: Reached) => number): string =>
    `× ${median(two.map((reached, i) => of(reached) / of(one[i]))).toFixed(2)}`;
  const rate = ({ spansPerSecond }: Reached): number => spansPerSecond;
  const worth = ({ spansPerCpuSecond }: Reached): number => spansPerCpuSecond;
  console.log(
    `${name}: ${k(one.map(rate))} → ${k(two.map(rate))} spans/s (${times(rate)}); ` +
      `${k(one.map(worth))} → ${k(two.map(worth))} spans per CPU-second (${times(worth)})`,
  );
}
