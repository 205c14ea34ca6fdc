// What Kafka between receiving and deciding costs, with a real broker: bin/node bench/kafka.ts [SECONDS]
//
// One run: a gateway alone, then one that writes to a topic, then one that decides what lies there; spans per
// CPU-second of each gateway's process, one shard each. The broker's own time is told beside it.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { makeHome, sinkExporter } from '../test/support/boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway.ts';
import { createTopic } from '../test/support/kafka-topic.ts';
import { startSink } from '../test/support/otlp-sink.ts';
import { startKafka } from '../tools/servers/start.ts';
import { caseOf, number, prepare } from './corpus.ts';

const seconds = Number(process.argv[2] ?? 10);
const connections = 4;
const partitions = 6;
const shape = caseOf('whole');

const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

async function start(sink: string, kafka: Record<string, unknown> | undefined): Promise<GatewayProcess> {
  const boot = {
    buffer: { decision_wait: '5s', max_bytes: '1GiB' },
    export: [sinkExporter(sink)],
    ...(kafka && { kafka }),
  };
  return startGatewayProcess({ args: makeHome(boot, 'baseline_percent: 1\n').args, env: { TAILGATE_SHARDS: '1' } });
}

const agent = new Agent({ keepAlive: true, maxSockets: connections });
function post(address: string, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const asked = request(`http://${address}/v1/traces`, { method: 'POST', agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    asked.once('error', reject).end(body);
  });
}

let traces = 0;
/** Sends for so long; the spans that were taken. */
async function load(address: string, most = Number.POSITIVE_INFINITY): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let taken = 0;
  const run = async (): Promise<void> => {
    const prepared = prepare(shape, 0, Date.now());
    while (performance.now() < until && taken < most) {
      number(prepared, (traces += prepared.idsAt.length));
      if ((await post(address, prepared.bytes)) === 200) taken += shape.spansPerRequest;
    }
  };
  await Promise.all(Array.from({ length: connections }, run));
  return taken;
}

const metric = async (gateway: GatewayProcess, name: string): Promise<number> =>
  (await gateway.get('/metrics'))
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 200));
}

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
let spans = await load(alone.http);
await until(async () => (await metric(alone, 'tailgate_waiting_spans')) === 0);
told('alone, receiving and deciding', spans, cpuSeconds(alone.pid) - began);
await alone.stop();

for (const compression of ['none', 'zstd']) {
  const topic = `bench-${compression}`;
  await createTopic(broker.broker, topic, partitions);
  const writer = await start(sink.url, { ...connection, topic, role: 'produce', compression });
  began = cpuSeconds(writer.pid);
  let brokerBegan = cpuSeconds(broker.pid);
  const at = performance.now();
  spans = await load(writer.http);
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
  await until(async () => (await metric(decider, 'tailgate_received_spans_total{protocol="kafka"')) >= wanted);
  const readS = (performance.now() - readAt) / 1000;
  await until(async () => (await metric(decider, 'tailgate_waiting_spans')) === 0);
  const cpu = cpuSeconds(decider.pid) - began;
  told(`${compression}: reading and deciding`, spans, cpu, `, ${Math.round(spans / readS / 1000)} k/s${ofBroker()}`);
  await decider.stop();
}
agent.destroy();
await broker.stop();
await sink[Symbol.asyncDispose]();
process.exit(0);
