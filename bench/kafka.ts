// What Kafka between receiving and deciding costs, with a real broker: bin/node bench/kafka.ts [SECONDS]
//
// One run: a gateway alone, then one that writes to a topic, then one that decides what lies there; spans per
// CPU-second of each gateway's process, one shard each. The broker's own time is told beside it.

import { makeHome, sinkExporter } from '../test/support/boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway.ts';
import { createTopic } from '../test/support/kafka-topic.ts';
import { startSink } from '../test/support/otlp-sink.ts';
import { startKafka } from '../tools/servers/start.ts';
import { caseOf } from './corpus.ts';
import { cpuSeconds, metricOf, PostLoad, until } from './post-load.ts';

const seconds = Number(process.argv[2] ?? 10);
const connections = 4;
const partitions = 6;
const shape = caseOf('whole');

async function start(sink: string, kafka: Record<string, unknown> | undefined): Promise<GatewayProcess> {
  const boot = {
    buffer: { decision_wait: '5s', max_bytes: '1GiB' },
    export: [sinkExporter(sink)],
    ...(kafka && { kafka }),
  };
  return startGatewayProcess({ args: makeHome(boot, 'baseline_percent: 1\n').args, env: { TAILGATE_SHARDS: '1' } });
}

const load = new PostLoad(shape, connections);
const sink = await startSink();
const broker = await startKafka();
await createTopic(broker.broker, 'bench', partitions);
const connection = { brokers: [broker.broker], topic: 'bench' };
const told = (what: string, spans: number, cpu: number, more = ''): void =>
  console.log(
    `${what}: ${Math.round(spans / cpu / 1000)} k spans per CPU-second (${spans} spans, ${cpu.toFixed(1)} s)${more}`,
  );

const alone = await start(sink.url, undefined);
let began = cpuSeconds(alone.pid);
let spans = await load.send(alone.http, seconds);
await until(async () => (await metricOf(alone, 'tailgate_waiting_spans')) === 0);
told('alone, receiving and deciding', spans, cpuSeconds(alone.pid) - began);
await alone.stop();

for (const compression of ['none', 'zstd']) {
  const topic = `bench-${compression}`;
  await createTopic(broker.broker, topic, partitions);
  const writer = await start(sink.url, { ...connection, topic, role: 'produce', compression });
  began = cpuSeconds(writer.pid);
  let brokerBegan = cpuSeconds(broker.pid);
  const at = performance.now();
  spans = await load.send(writer.http, seconds);
  const tookS = (performance.now() - at) / 1000;
  const ofBroker = (): string => `; the broker ${(cpuSeconds(broker.pid) - brokerBegan).toFixed(1)} s`;
  told(
    `${compression}: writing`,
    spans,
    cpuSeconds(writer.pid) - began,
    `, ${Math.round(spans / tookS / 1000)} k/s${ofBroker()}`,
  );
  await writer.stop();

  const decider = await start(sink.url, { ...connection, topic, role: 'consume', group: topic });
  began = cpuSeconds(decider.pid);
  brokerBegan = cpuSeconds(broker.pid);
  const wanted = spans;
  const readAt = performance.now();
  await until(async () => (await metricOf(decider, 'tailgate_received_spans_total{protocol="kafka"')) >= wanted);
  const readS = (performance.now() - readAt) / 1000;
  await until(async () => (await metricOf(decider, 'tailgate_waiting_spans')) === 0);
  const cpu = cpuSeconds(decider.pid) - began;
  told(`${compression}: reading and deciding`, spans, cpu, `, ${Math.round(spans / readS / 1000)} k/s${ofBroker()}`);
  await decider.stop();
}
load.close();
await broker.stop();
await sink[Symbol.asyncDispose]();
process.exit(0);
