import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { Enricher } from '../src/enrich/enrich.ts';
import { messageOf } from '../src/receive/message.ts';
import { TenantPipeline } from '../src/threads/tenant-pipeline.ts';
import { caseOf, number, prepare } from './corpus.ts';
import { shardOptions } from './path.ts';
import { compiled } from './policies.ts';
import { median } from './turns.ts';

/**
 * What the window costs, in one process without sockets: CPU time of all its threads a span, without and with it, in
 * runs that alternate; `bin/node bench/window.ts [thousand spans a second]`. Only figures of one run compare.
 */
const rate = Number(process.argv[2] ?? 0) * 1000;
const runMs = 3_000;
const rounds = 3;

interface Run {
  readonly cpuNs: number;
  readonly bytesASpan: number;
  readonly missed: number;
}

async function run(name: string, windowBytes: number): Promise<Run> {
  const shape = caseOf(name);
  const prepared = prepare(shape, 0, 1_790_000_000_000);
  const traces = shape.spansPerRequest / shape.spansPerTrace;
  const named = { set: compiled(), name: 'bench' };
  const options = { ...shardOptions(300), window: { maxBytes: windowBytes, maxAgeMs: 900_000 }, compressAfterMs: 0 };
  let pipeline: TenantPipeline;
  const events = {
    emit: (request: { readonly body: Uint8Array }) => pipeline.pipeline.shard.batches.reuse(request.body),
    lost: () => {},
    overload: () => {},
    conditionFault: () => {},
  };
  const enricher = new Enricher({ resource: {}, set: {}, redact: [] });
  pipeline = new TenantPipeline({ index: 0, name: '' }, options, named, enricher, events);
  const from = process.cpuUsage();
  const since = systemClock.monotonicMs();
  let spans = 0;
  for (let first = 0; systemClock.monotonicMs() - since < runMs; ) {
    const due = rate === 0 ? Number.POSITIVE_INFINITY : ((systemClock.monotonicMs() - since) / 1000) * rate;
    for (let n = 0; n < 4 && spans < due; n++, first += traces) {
      number(prepared, first);
      pipeline.pipeline.accept(messageOf([prepared.bytes]), 'grpc');
      spans += shape.spansPerRequest;
    }
    pipeline.tick(200, 0, 0);
    await nextTurn();
  }
  const { user, system } = process.cpuUsage(from);
  const { window } = pipeline.pipeline.shard;
  pipeline.stop();
  const [held, missed] = [window?.spans ?? 0, window?.missedSpans ?? 0];
  return {
    cpuNs: ((user + system) * 1000) / spans,
    bytesASpan: held === 0 ? 0 : window!.bytes / held,
    missed: missed / spans,
  };
}

for (const name of ['whole', 'varied', 'split']) {
  const [without, with_]: [Run[], Run[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    without.push(await run(name, 0));
    with_.push(await run(name, 2 ** 30));
  }
  const [off, on] = [without, with_].map((runs) => median(runs.map(({ cpuNs }) => cpuNs)));
  const bytes = median(with_.map(({ bytesASpan }) => bytesASpan));
  const missed = median(with_.map(({ missed }) => missed)) * 100;
  console.log(
    `${name.padEnd(8)} ${off.toFixed(0).padStart(6)} ns a span without, ${on.toFixed(0).padStart(6)} with (× ${(on / off).toFixed(2)}), ` +
      `${bytes.toFixed(1)} bytes a span in the window, ${missed.toFixed(1)} % missed`,
  );
}
process.exit();
