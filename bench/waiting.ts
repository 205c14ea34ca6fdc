import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Admin, adminOf } from './admin.ts';
import { caseOf } from './corpus.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { Measured } from './process.ts';
import { gatewayCpu, loadCpu, startSink, subjects } from './subjects.ts';

/**
 * `make bench-waiting`: does a span cost the same, in time and memory, however many wait? `waiting@rate`: so many spans
 * wait, at so many a second; the last one once more with what waits compressed. What each further span takes is told
 * where a rate occurs twice. Prints a line a run. --seconds 10 --runs 3 --no-compressed --plan
 * 50000@350000,1000000@350000,10000000@350000.
 */
const { values } = parseArgs({
  allowNegative: true,
  options: {
    seconds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '1' },
    plan: {
      type: 'string',
      default: '100000@10000,100000@100000,1000000@100000,50000@350000,1000000@350000,10000000@350000',
    },
    case: { type: 'string', default: 'whole' },
    compressed: { type: 'boolean', default: true },
  },
});
const seconds = Number(values.seconds);

interface Waiting {
  readonly spans: number;
  readonly nsPerSpan: number;
  readonly bytesPerSpan: number;
  readonly wireBytesPerSpan: number;
  readonly latenessP99Ms: number;
  readonly loopDelayP99Ms: number;
  readonly scrapeMs: number;
  /** Above what the process had at rest, some seconds after the last trace was decided. */
  readonly leftBytes: number;
}

async function measure(target: number, spansPerSecond: number, compressed: boolean): Promise<Waiting> {
  const waitSeconds = target / spansPerSecond;
  const { sink, sinkPort } = await startSink();
  const compressAfterSeconds = compressed ? Math.max(1, Math.round(waitSeconds / 8)) : 0;
  const gateway = await subjects.tailgate.start({ cpus: gatewayCpu, waitSeconds, sinkPort, compressAfterSeconds });
  try {
    const { process, grpcPort } = gateway;
    const admin = adminOf(gateway.admin as string);
    const restBytes = process.residentBytes();
    // Code is compiled and what the first seconds took beside is given back.
    const settleSeconds = Math.max(waitSeconds + 6, 40);
    const load = offer(grpcPort, spansPerSecond, settleSeconds + seconds);
    await sleep(settleSeconds * 1000);
    const [cpu, lateness] = [process.cpuSeconds(), await admin.lateness()];
    await sleep(seconds * 1000 - 500);
    const cpuSeconds = process.cpuSeconds() - cpu;
    const residentBytes = process.residentBytes();
    const spans = await admin.waitingSpans();
    const { latenessP99Ms, loopDelayP99Ms } = await admin.delaysSince(lateness);
    const scrapeMs = await scrape(admin);
    const { wireBytes, spans: sent } = await load;
    await sleep(waitSeconds * 1000 + 45_000);
    return {
      spans,
      nsPerSpan: (cpuSeconds * 1e9) / (spansPerSecond * (seconds - 0.5)),
      bytesPerSpan: (residentBytes - restBytes) / spans,
      wireBytesPerSpan: wireBytes / sent,
      latenessP99Ms,
      loopDelayP99Ms,
      scrapeMs,
      leftBytes: process.residentBytes() - restBytes,
    };
  } finally {
    await gateway.process.stop();
    await sink.stop();
  }
}

function offer(port: number, spansPerSecond: number, forSeconds: number): Promise<LoadResult> {
  const rate = spansPerSecond / caseOf(values.case).spansPerRequest;
  const order: LoadOrder = { port, case: values.case, seconds: forSeconds, rate };
  return Measured.script('load.ts', [JSON.stringify(order)], loadCpu).json<LoadResult>('spans');
}

/** The median of some scrapes, as a scraper sees them. */
async function scrape(admin: Admin): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const start = performance.now();
    await admin.lateness();
    times.push(performance.now() - start);
    await sleep(50);
  }
  return times.sort((a, b) => a - b)[4];
}

const steps = values.plan
  .split(',')
  .map((step) => [...step.split('@').map(Number), false] as [number, number, boolean]);
const [target, rate] = steps.at(-1) as (typeof steps)[number];
if (values.compressed) steps.push([target, rate, true]);
for (let round = 1; round <= Number(values.runs); round++) {
  /** What waited with its resident bytes, by rate: the first of them. */
  const fewest = new Map<number, Waiting>();
  for (const [target, rate, compressed] of steps) {
    const w = await measure(target, rate, compressed);
    const few = compressed ? w : (fewest.get(rate) ?? w);
    fewest.set(rate, few);
    const further = (w.bytesPerSpan * w.spans - few.bytesPerSpan * few.spans) / (w.spans - few.spans);
    const share = (bytes: number): string =>
      `${bytes.toFixed(0)} B (${(bytes / w.wireBytesPerSpan).toFixed(2)} × wire)`;
    console.log(
      [
        `${(w.spans / 1e3).toFixed(0)} k waiting at ${(rate / 1e3).toFixed(0)} k/s${compressed ? ', compressed' : ''}: ${w.nsPerSpan.toFixed(0)} ns CPU a span`,
        `${share(w.bytesPerSpan)} resident a waiting span${few === w ? '' : `, ${share(further)} for each beyond the first ${(few.spans / 1e3).toFixed(0)} k`}`,
        `late p99 ≤ ${w.latenessP99Ms} ms, loop delay p99 ${w.loopDelayP99Ms.toFixed(1)} ms, scrape ${w.scrapeMs.toFixed(1)} ms`,
        `${(w.leftBytes / 1e6).toFixed(0)} MB above rest 45 s after the last decision`,
      ].join('; '),
    );
  }
}
