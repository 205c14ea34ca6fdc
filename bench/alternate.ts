import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from './load.ts';
import { Measured } from './process.ts';
import { gatewayCpu, loadCpu, type SubjectKind, startSink } from './subjects.ts';
import { median } from './table.ts';

interface Contender {
  readonly name: string;
  readonly kind: SubjectKind;
}

const waitSeconds = 1;
const burstSeconds = 1.5;

/**
 * Compares on a machine that is never quiet: all contenders are alive at once, and short bursts go to one after the
 * other, to and fro. Each burst is charged with all that it costs until its traces are decided. Returns spans per
 * CPU-second, by contender and round.
 */
export async function alternate(contenders: readonly Contender[], shape: string, rounds: number): Promise<number[][]> {
  const { sink, sinkPort } = await startSink();
  const lanes: Lane[] = [];
  try {
    for (const { kind } of contenders) lanes.push(await Lane.open(kind, shape, sinkPort));
    for (const lane of lanes) await lane.burst(3);
    for (let round = 0; round < rounds; round++) {
      for (const lane of round % 2 === 0 ? lanes : lanes.toReversed()) lane.rates.push(await lane.burst(burstSeconds));
      console.error(
        `round ${round + 1}: ${lanes.map(({ rates }) => ((rates.at(-1) ?? 0) / 1e3).toFixed(0)).join(' · ')} k`,
      );
    }
    return lanes.map(({ rates }) => rates);
  } finally {
    for (const lane of lanes) await lane.stop();
    await sink.stop();
  }
}

/** The median of what `a` reached in each round in terms of `b`. */
export const ratio = (a: readonly number[], b: readonly number[]): number => median(a.map((rate, i) => rate / b[i]));

class Lane {
  readonly rates: number[] = [];
  readonly #process: Measured;
  readonly #order: { readonly port: number; readonly case: string };
  readonly #settleMs: number;
  #first = 1;

  private constructor(process: Measured, port: number, shape: string, decides: boolean) {
    this.#process = process;
    this.#order = { port, case: shape };
    this.#settleMs = decides ? waitSeconds * 1000 + 300 : 0;
  }

  static async open(kind: SubjectKind, shape: string, sinkPort: number): Promise<Lane> {
    const { process, grpcPort } = await kind.start({ cpus: gatewayCpu, waitSeconds, sinkPort });
    return new Lane(process, grpcPort, shape, kind.decides);
  }

  async burst(seconds: number): Promise<number> {
    const before = this.#process.cpuSeconds();
    const order = { ...this.#order, seconds, first: this.#first };
    const load = Measured.script('load.ts', [JSON.stringify(order)], loadCpu);
    const { spans, nextTrace } = await load.json<LoadResult>('spans');
    this.#first = nextTrace;
    await sleep(this.#settleMs);
    return spans / (this.#process.cpuSeconds() - before);
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
