import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, adminOf, type Delays } from './admin.ts';
import { caseOf } from './corpus.ts';
import type { LoadOrder, LoadResult } from './load.ts';
import { Measured, processorTicks } from './process.ts';
import { sumModulus } from './span-sum.ts';
import { loadCpu, type Subject, type SubjectName, startSink, subjects } from './subjects.ts';

export interface Plan {
  /** Until the code is compiled and what is decided is as much as what comes: at least the wait. */
  readonly warmSeconds: number;
  readonly seconds: number;
  /** At a fixed rate, for latencies; 0 = without them. */
  readonly steadySeconds: number;
  /** That rate, in spans a second, where it is not 70 % of what the subject reached. */
  readonly steadyRate?: number;
  readonly waitSeconds: number;
  readonly cpus: string;
  readonly shards: number;
}

export type Steady = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of the processors' time that other machines had meanwhile: what they take, nobody here can make up for. */
  readonly stolen: number;
} & Partial<Delays>;

export interface Run {
  readonly subject: SubjectName;
  readonly case: string;
  readonly spansPerCpuSecond: number;
  readonly spansPerSecond: number;
  readonly refused: number;
  readonly wireBytesPerSpan: number;
  /** Resident bytes beyond those at rest, per span that waited when they were read, in saturated traffic. */
  readonly residentPerSpan?: number;
  readonly restBytes: number;
  /** At 70 % of the rate reached, or at `steadyRate`; open loop, from the moment a request was due. */
  readonly steady?: Steady;
  /** ERROR traces that were acknowledged, and that came to the sink in the end; were they the same, span by span? */
  readonly marked?: { readonly sent: number; readonly arrived: number; readonly same: boolean };
}

/**
 * Starts a subject and a sink, loads it for a while, measures, stops both. What the load and the sink spend is not
 * counted.
 */
export async function measure(name: SubjectName, shape: string, plan: Plan): Promise<Run> {
  const { sink, sinkPort } = await startSink();
  const { shards = plan.shards } = caseOf(shape);
  const cpus = shards > plan.shards ? '0,1' : plan.cpus;
  const subject = await subjects[name].start({ ...plan, shards, cpus, sinkPort });
  try {
    return await new Measurement(name, shape, plan, subject, sink).run();
  } finally {
    await subject.process.stop();
    await sink.stop();
  }
}

class Measurement {
  readonly #name: SubjectName;
  readonly #shape: string;
  readonly #plan: Plan;
  readonly #subject: Subject;
  readonly #sink: Measured;
  readonly #admin: Admin | undefined;
  readonly #port: number;
  #nextTrace = 1;
  #errorTraces = 0;
  #errorSum = 0;
  #refused = 0;

  constructor(name: SubjectName, shape: string, plan: Plan, subject: Subject, sink: Measured) {
    this.#name = name;
    this.#shape = shape;
    this.#plan = plan;
    this.#subject = subject;
    this.#sink = sink;
    this.#admin = subject.admin === undefined ? undefined : adminOf(subject.admin);
    this.#port = (caseOf(shape).protocol === 'http' ? subject.httpPort : subject.grpcPort) as number;
  }

  async run(): Promise<Run> {
    const { process } = this.#subject;
    const { seconds, waitSeconds, warmSeconds } = this.#plan;
    const { decides } = subjects[this.#name];
    const restBytes = process.residentBytes();
    await this.#load(decides ? Math.max(waitSeconds + 1, warmSeconds) : warmSeconds);
    const cpu = process.cpuSeconds();
    const memory = decides ? this.#memoryAfter(seconds - 0.5) : undefined;
    const hot = await this.#load(seconds);
    const cpuSeconds = process.cpuSeconds() - cpu;
    const { residentBytes, waiting } = (await memory) ?? {};
    const spansPerSecond = hot.spans / hot.seconds;
    const rate = this.#plan.steadyRate ?? 0.7 * spansPerSecond;
    const steady = this.#plan.steadySeconds > 0 ? await this.#steady(rate) : undefined;
    const marked = decides ? await this.#marked() : undefined;
    return {
      subject: this.#name,
      case: this.#shape,
      spansPerCpuSecond: hot.spans / cpuSeconds,
      spansPerSecond,
      refused: this.#refused,
      wireBytesPerSpan: hot.wireBytes / hot.spans,
      restBytes,
      ...(residentBytes && {
        residentPerSpan: (residentBytes - restBytes) / (waiting ?? spansPerSecond * waitSeconds),
      }),
      ...(steady && { steady }),
      ...(marked && { marked }),
    };
  }

  async #load(seconds: number, more: Partial<LoadOrder> = {}): Promise<LoadResult> {
    const { ca } = this.#subject;
    const order: LoadOrder = {
      port: this.#port,
      ...(ca && { ca }),
      case: this.#shape,
      seconds,
      first: this.#nextTrace,
      ...more,
    };
    const load = Measured.script('load.ts', [JSON.stringify(order)], loadCpu);
    const result = await load.json<LoadResult>('spans');
    this.#nextTrace = result.nextTrace;
    this.#errorTraces += result.errorTraces;
    this.#errorSum = (this.#errorSum + result.errorSum) % sumModulus;
    this.#refused += result.refused;
    return result;
  }

  /**
   * Read in the midst of traffic; the gateway says itself how many spans wait, elsewhere it is the rate times the wait.
   */
  async #memoryAfter(seconds: number): Promise<{ residentBytes: number; waiting?: number }> {
    await sleep(seconds * 1000);
    const waiting = await this.#admin?.waitingSpans();
    const residentBytes = this.#subject.process.residentBytes();
    return waiting === undefined ? { residentBytes } : { residentBytes, waiting };
  }

  /** Counts when all that was taken at full speed has been decided. */
  async #steady(spansPerSecond: number): Promise<Run['steady']> {
    const rate = spansPerSecond / caseOf(this.#shape).spansPerRequest;
    const settleSeconds = subjects[this.#name].decides ? this.#plan.waitSeconds + 2 : 2;
    const load = this.#load(settleSeconds + this.#plan.steadySeconds, { rate, settleSeconds });
    await sleep(settleSeconds * 1000);
    const [before, ticks] = [await this.#admin?.lateness(), processorTicks()];
    const { p50: p50Ms, p99: p99Ms } = await load;
    const { all, stolen } = processorTicks();
    const delays = before && (await this.#admin?.delaysSince(before));
    return { p50Ms, p99Ms, stolen: (stolen - ticks.stolen) / (all - ticks.all), ...delays };
  }

  /** ERROR spans at the sink once everything has been decided and sent, and nothing came for three seconds. */
  async #marked(): Promise<NonNullable<Run['marked']>> {
    await sleep(this.#plan.waitSeconds * 1000 + 1_500);
    let last = -1;
    let same = false;
    for (let calm = 0; calm < 6; ) {
      this.#sink.child.kill('SIGUSR2');
      const { errors, errorSum } = await this.#sink.json<{ errors: number; errorSum: number }>('errors');
      same = errorSum === this.#errorSum;
      calm = errors === last ? calm + 1 : 0;
      last = errors;
      await sleep(500);
    }
    return { arrived: last, sent: this.#errorTraces, same };
  }
}
