import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ratio } from './alternate.ts';
import { Loadgen, type LoadgenSink } from './loadgen.ts';
import { type ShippedName, shippedSubjects } from './shipped-subjects.ts';
import { gatewayCpu, loadCpu, type Subject } from './subjects.ts';
import { median } from './table.ts';

/**
 * What `make bench-shipped` compares, on a machine that is never quiet: all are alive at once, and short bursts of the
 * foreign client go to one after the other, in turns; only ratios of one round count. A burst is charged with all that it costs
 * until its traces are decided and sent: `LOADGEN=PROGRAM bin/node bench/shipped-bursts.ts`. --rounds 8 --seconds 2.
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '8' }, seconds: { type: 'string', default: '2' } },
});
const waitSeconds = 1;
const settleMs = 2_500;
const seconds = Number(values.seconds);
const loadgen = new Loadgen(process.env.LOADGEN ?? '', loadCpu);

interface Lane {
  readonly name: ShippedName;
  readonly sink: LoadgenSink;
  readonly subject: Subject;
}

async function open(name: ShippedName): Promise<Lane> {
  const sink = await loadgen.sink();
  return {
    name,
    sink,
    subject: await shippedSubjects[name].start({ cpus: gatewayCpu, waitSeconds, sinkPort: sink.port }),
  };
}

/**
 * Spans per CPU-second. One that does not count comes before: whoever has rested longer has given more memory back to the
 * system, and pays for fresh pages.
 */
async function burst({ subject: { process, grpcPort: port } }: Lane, marked: boolean): Promise<number> {
  await loadgen.load({ port, seconds: Math.min(1, seconds), marked });
  await sleep(settleMs);
  const before = process.cpuSeconds();
  const { ok } = await loadgen.load({ port, seconds, marked });
  await sleep(settleMs);
  return ok / (process.cpuSeconds() - before);
}

const names: readonly ShippedName[] = ['as shipped', 'without store and gzip', 'Collector, tail_sampling'];
const lanes: Lane[] = [];
const rates = {
  shipped: [] as number[],
  onePercent: [] as number[],
  without: [] as number[],
  collector: [] as number[],
};
try {
  for (const name of names) lanes.push(await open(name));
  const [shipped, without, collector] = lanes;
  for (const lane of lanes) for (let i = 0; i < 3; i++) await burst(lane, true);
  const turns = [
    async () => rates.shipped.push(await burst(shipped, true)),
    async () => rates.without.push(await burst(without, true)),
    async () => rates.onePercent.push(await burst(shipped, false)),
    async () => rates.collector.push(await burst(collector, true)),
  ];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    console.error(
      JSON.stringify(Object.fromEntries(Object.entries(rates).map(([k, v]) => [k, Math.round(v.at(-1)! / 1e3)]))),
    );
  }
} finally {
  for (const { subject, sink } of lanes) {
    await subject.process.stop();
    await sink.stop();
  }
}

const k = (all: readonly number[]): string => `${(median(all) / 1e3).toFixed(0)} k`;
const { shipped, onePercent, without, collector } = rates;
console.log(
  `spans per CPU-second: as shipped ${k(shipped)}, without store and gzip ${k(without)}, Collector ${k(collector)}`,
);
console.log(`as shipped against without: × ${ratio(shipped, without).toFixed(2)}`);
console.log(`3 % kept against 1 %, as shipped: × ${ratio(shipped, onePercent).toFixed(2)}`);
console.log(`without store and gzip against the Collector: × ${ratio(without, collector).toFixed(1)}`);
