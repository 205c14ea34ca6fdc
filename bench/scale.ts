import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { lendingMemory } from '../src/buffer/lending.ts';
import { shareMemory } from '../src/shard/neighbours.ts';
import type { ScaleMessage, ScaleOrder, ScaleResult } from './scale-thread.ts';
import { median } from './table.ts';

/**
 * `make bench-scale`: shards in threads that feed themselves from memory, so that on a machine of two cores two shards
 * can have both. Every request holds traces of all shards. `N/M`: N shards of which M get requests; the others live on
 * what is handed over. More shards than cores tell what a span costs then, not how fast it goes. --runs 5 --seconds 4
 * --case whole --shards 1/1,2/2,2/1.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    case: { type: 'string', default: 'whole' },
    shards: { type: 'string', default: '1/1,2/2,2/1,4/4,8/8,16/16' },
  },
});

interface Scaled {
  readonly spansPerSecond: number;
  readonly nsPerSpan: number;
}

const workers: Worker[] = [];

async function measure(shards: number, receivers: number): Promise<Scaled> {
  const shared = shareMemory(shards, lendingMemory);
  const results = Array.from({ length: shards }, (_, self) => {
    const order: ScaleOrder = {
      self,
      shared,
      case: values.case,
      receives: self < receivers,
      waitMs: 2000,
      warmMs: 4000,
      measureMs: Number(values.seconds) * 1000,
    };
    return start(order);
  });
  const all = await Promise.all(results);
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  const total = (of: (result: ScaleResult) => number): number => all.reduce((sum, result) => sum + of(result), 0);
  const spansPerSecond = total(({ spans, seconds }) => spans / seconds);
  return {
    spansPerSecond,
    nsPerSpan: (total(({ cpuSeconds, seconds }) => cpuSeconds / seconds) * 1e9) / spansPerSecond,
  };
}

function start(workerData: ScaleOrder): Promise<ScaleResult> {
  const resourceLimits = { maxYoungGenerationSizeMb: 96 };
  const worker = new Worker(new URL('scale-thread.ts', import.meta.url), { workerData, resourceLimits });
  workers.push(worker);
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: ScaleMessage) => {
      if ('result' in message) resolve(message.result);
      else workers[message.to].postMessage(message);
    });
  });
}

const names = values.shards.split(',');
const runs = new Map<string, Scaled[]>(names.map((name) => [name, []]));
for (let round = 0; round < Number(values.runs); round++) {
  for (const name of names) {
    const [shards, receivers] = name.split('/').map(Number);
    runs.get(name)?.push(await measure(shards, receivers));
  }
}
const [, base] = [...runs][0];
for (const [name, scaled] of runs) {
  const [shards, receivers] = name.split('/');
  const rate = median(scaled.map((run) => run.spansPerSecond));
  const times = median(scaled.map((run, i) => run.spansPerSecond / base[i].spansPerSecond));
  const ns = median(scaled.map((run) => run.nsPerSpan));
  const share = median(scaled.map((run, i) => run.nsPerSpan / base[i].nsPerSpan));
  console.log(
    `${shards} shards, ${receivers} receiving: ${(rate / 1e3).toFixed(0)} k spans/s (× ${times.toFixed(2)}), ` +
      `${ns.toFixed(0)} ns CPU a span (× ${share.toFixed(2)})`,
  );
}
