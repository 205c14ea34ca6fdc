import { type Admin, adminOf } from './admin.ts';
import { type Loadgen, type LoadgenResult, LoadgenSink } from './loadgen.ts';
import { processorTicks } from './process.ts';
import { type ShippedName, shippedSubjects, toCollector } from './shipped-subjects.ts';
import { gatewayCpu, loadCpu, type Subject, subjects } from './subjects.ts';

export interface ShippedPlan {
  readonly seconds: number;
  readonly waitSeconds: number;
  /** Of latencies at a fixed rate; 0 = without. */
  readonly steadySeconds: number;
}

export interface ShippedRun {
  readonly subject: ShippedName;
  /** Spans per CPU-second with 3 % kept. */
  readonly rate: number;
  /** The same with the baseline's 1 % alone, later, and what 3 % come to of it then. */
  readonly rateAtOnePercent?: number;
  readonly ofOnePercent?: number;
  readonly spansPerSecond: number;
  readonly ackP99Ms?: number;
  readonly stolen?: number;
  readonly refused: number;
  /** Traces that must be kept: acknowledged, less those that came. */
  readonly lost?: number;
  /** CPU seconds by thread while the rate was measured. */
  readonly threads: Readonly<Record<string, number>>;
}

interface Asked {
  readonly name: ShippedName;
  readonly plan: ShippedPlan;
  readonly onePercent: boolean;
  /** Spans a second for latencies; those of half of what was reached where it is left out. */
  readonly steadyRate?: number;
}

/** Until the code is compiled, and memory grows no more. */
const leastWarmSeconds = 25;

/** Where exports go: what a Collector took nobody counts. */
type Sink = LoadgenSink | { readonly port: number; readonly stop: () => Promise<void> };

async function collectorSink(): Promise<Sink> {
  const { process, grpcPort } = await subjects['Collector, to nowhere'].start({
    cpus: loadCpu,
    waitSeconds: 0,
    sinkPort: 0,
  });
  return { port: grpcPort, stop: () => process.stop() };
}

/** One subject from its start to its end, under the load of a foreign client. */
export async function measureShipped(loadgen: Loadgen, asked: Asked): Promise<ShippedRun> {
  const sink = toCollector.has(asked.name) ? await collectorSink() : await loadgen.sink();
  const { waitSeconds } = asked.plan;
  const setting = { cpus: gatewayCpu, waitSeconds, sinkPort: sink.port };
  const subject = await shippedSubjects[asked.name].start(setting);
  try {
    return await new ShippedMeasurement(loadgen, asked, subject, sink).run();
  } finally {
    await subject.process.stop();
    await sink.stop();
  }
}

class ShippedMeasurement {
  readonly #loadgen: Loadgen;
  readonly #asked: Asked;
  readonly #subject: Subject;
  readonly #sink: Sink;
  readonly #admin: Admin | undefined;
  #refused = 0;
  #mustKeep = 0;

  constructor(loadgen: Loadgen, asked: Asked, subject: Subject, sink: Sink) {
    this.#loadgen = loadgen;
    this.#asked = asked;
    this.#subject = subject;
    this.#sink = sink;
    this.#admin = subject.admin === undefined ? undefined : adminOf(subject.admin);
  }

  async run(): Promise<ShippedRun> {
    const { name, plan, onePercent, steadyRate } = this.#asked;
    const hot = await this.#hot(true, Math.max(plan.waitSeconds + 2, leastWarmSeconds));
    const steady = plan.steadySeconds > 0 ? await this.#steady(steadyRate ?? hot.spansPerSecond / 2) : {};
    const one = onePercent ? await this.#onePercent() : {};
    // The Collector sends nothing that says when it is done, and forgets traces when it is behind: it is not counted.
    const sink = this.#sink;
    const isCounted = this.#admin !== undefined && sink instanceof LoadgenSink;
    const lost = isCounted ? { lost: this.#mustKeep - (await this.#arrived(sink)) } : {};
    return { subject: name, ...hot, ...steady, ...one, ...lost, refused: this.#refused };
  }

  /** With 3 % before it and behind it: what a process gains or loses meanwhile is not what keeping costs. */
  async #onePercent(): Promise<Pick<ShippedRun, 'rateAtOnePercent' | 'ofOnePercent'>> {
    const decidedSeconds = this.#asked.plan.waitSeconds + 2;
    const before = await this.#hot(true, decidedSeconds);
    const { rate } = await this.#hot(false, decidedSeconds);
    const behind = await this.#hot(true, decidedSeconds);
    return { rateAtOnePercent: rate, ofOnePercent: (before.rate + behind.rate) / 2 / rate };
  }

  async #hot(marked: boolean, warmSeconds: number): Promise<Pick<ShippedRun, 'rate' | 'spansPerSecond' | 'threads'>> {
    const { process } = this.#subject;
    const { seconds } = this.#asked.plan;
    await this.#load(warmSeconds, { marked });
    const [cpu, threads] = [process.cpuSeconds(), process.threadSeconds()];
    const { ok, seconds: took } = await this.#load(seconds, { marked });
    const rate = ok / (process.cpuSeconds() - cpu);
    const now = process.threadSeconds();
    const spent = Object.entries(now).map(([thread, s]) => [thread, s - (threads[thread] ?? 0)] as const);
    return { rate, spansPerSecond: ok / took, threads: Object.fromEntries(spent.filter(([, s]) => s > 0.01)) };
  }

  /** Counts when what was taken at full speed has been decided. */
  async #steady(rate: number): Promise<Pick<ShippedRun, 'ackP99Ms' | 'stolen'>> {
    const { steadySeconds, waitSeconds } = this.#asked.plan;
    await this.#load(waitSeconds + 2, { rate });
    const before = processorTicks();
    const { p99_ms: ackP99Ms } = await this.#load(steadySeconds, { rate });
    const after = processorTicks();
    return { ackP99Ms, stolen: (after.stolen - before.stolen) / (after.all - before.all) };
  }

  async #load(seconds: number, more: { marked?: boolean; rate?: number }): Promise<LoadgenResult> {
    const result = await this.#loadgen.load({ port: this.#subject.grpcPort, seconds, ...more });
    this.#refused += result.refused;
    this.#mustKeep += result.must_keep_traces;
    return result;
  }

  async #arrived(sink: LoadgenSink): Promise<number> {
    while ((await this.#admin!.waitingSpans()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
    const { must_keep, bad, over } = await sink.settled();
    if (bad + over > 0) throw new Error(`the sink could not read ${bad} requests, and ${over} traces came doubled`);
    return must_keep;
  }
}
