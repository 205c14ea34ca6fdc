import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from './load.ts';
import { Measured } from './process.ts';
import { subjects } from './subjects.ts';

export interface Run {
  readonly subject: string;
  readonly case: string;
  readonly spansPerCpuSecond: number;
  readonly spansPerSecond: number;
  readonly p99Ms: number;
  readonly wireBytesPerSpan: number;
  /** Resident bytes beyond those at rest, per waiting span, in steady traffic; undefined for what does not buffer. */
  readonly residentPerSpan?: number;
  readonly refused: number;
  /** ERROR traces that were acknowledged, and that came to the sink in the end. */
  readonly marked?: { readonly sent: number; readonly arrived: number };
}

export interface Plan {
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly waitSeconds: number;
  readonly cpus: string;
  readonly loadCpus: string;
}

/** Starts a subject and a sink, loads it for a while, measures, stops both. The load's CPU is not counted. */
export async function measure(name: string, shape: string, plan: Plan): Promise<Run> {
  const sink = Measured.script('sink.ts', [], plan.loadCpus);
  const { port: sinkPort } = await sink.json<{ port: number }>('port');
  const subject = await subjects[name]({ cpus: plan.cpus, waitSeconds: plan.waitSeconds, sinkPort });
  const buffers = name === 'tailgate' || name.includes('tail_sampling');
  try {
    const restBytes = subject.process.residentBytes();
    const load = (seconds: number, first: number) =>
      loadOnce({ port: subject.port, case: shape, seconds, first }, plan.loadCpus);
    // As long as the wait, so that as much is decided as comes while it is measured.
    const warm = await load(buffers ? Math.max(plan.waitSeconds + 1, plan.warmSeconds) : plan.warmSeconds, 1);
    const cpu = subject.process.cpuSeconds();
    const hot = await load(plan.seconds, warm.nextTrace);
    const cpuSeconds = subject.process.cpuSeconds() - cpu;
    const waiting = (hot.spans / hot.seconds) * Math.min(plan.waitSeconds, hot.seconds);
    const residentPerSpan = (subject.process.residentBytes() - restBytes) / waiting;
    const marked = buffers
      ? { sent: warm.errorTraces + hot.errorTraces, arrived: await arrived(sink, plan.waitSeconds) }
      : undefined;
    return {
      subject: name,
      case: shape,
      spansPerCpuSecond: hot.spans / cpuSeconds,
      spansPerSecond: hot.spans / hot.seconds,
      p99Ms: hot.p99,
      wireBytesPerSpan: hot.wireBytes / hot.spans,
      ...(buffers && { residentPerSpan }),
      refused: warm.refused + hot.refused,
      ...(marked && { marked }),
    };
  } finally {
    await subject.stop();
    await sink.stop();
  }
}

async function loadOnce(order: object, cpus: string): Promise<LoadResult> {
  const load = Measured.script('load.ts', [JSON.stringify(order)], cpus);
  return load.json<LoadResult>('spans');
}

/** ERROR spans at the sink once everything has been decided and sent. */
async function arrived(sink: Measured, waitSeconds: number): Promise<number> {
  await sleep(waitSeconds * 1000 + 1_500);
  let last = -1;
  for (let i = 0; i < 30; i++) {
    sink.child.kill('SIGUSR2');
    const { errors } = await sink.json<{ errors: number }>('errors');
    if (errors === last) break;
    last = errors;
    await sleep(1_000);
  }
  return last;
}
