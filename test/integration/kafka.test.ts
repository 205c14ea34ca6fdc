import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from '../../tools/servers/start.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { committedOffsets, createTopic, identitiesIn, readTopic } from '../support/kafka-topic.ts';
import { senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requestBytes, type Told } from '../support/spans.ts';

/** Everything is kept, with the weight 1. */
const keepAll = 'baseline_percent: 100\n';

let kafka: RunningKafka;
beforeAll(async () => {
  kafka = await startKafka({ sessionTimeoutMs: 6_000 });
}, 120_000);
afterAll(() => kafka?.stop());

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

let topics = 0;
async function newTopic(): Promise<string> {
  const topic = `spans-${++topics}`;
  await createTopic(kafka.broker, topic);
  return topic;
}

interface Start {
  readonly topic: string;
  readonly role: 'produce' | 'consume';
  readonly shards?: string;
  readonly sink?: OtlpSink;
  readonly boot?: Record<string, unknown>;
  readonly kafka?: Record<string, unknown>;
}

async function start({ topic, role, shards = '1', sink, boot, kafka: more }: Start): Promise<GatewayProcess> {
  const home = makeHome(
    {
      kafka: { brokers: [kafka.broker], topic, role, group: topic, commit_interval: '500ms', ...more },
      buffer: { decision_wait: '500ms' },
      batch: { max_age: '100ms' },
      ...(sink && { export: [sinkExporter(sink.url)] }),
      ...boot,
    },
    keepAll,
  );
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  stops.push(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return gateway;
}

/** The nth request: spans of several traces, which have spans in other requests too, and several resources. */
const request = (n: number): Told[] =>
  Array.from({ length: 20 }, (_, i) => ({
    trace: `${Math.floor(n / 3)}-${i % 7}`,
    id: `${n}-${i}`,
    service: `service-${(n + i) % 3}`,
    padding: (n % 5) * 100,
  }));

async function newSink(): Promise<OtlpSink> {
  const sink = await startSink();
  stops.push(() => sink[Symbol.asyncDispose]());
  return sink;
}

const identitiesAt = (sink: OtlpSink): string[] => sink.bodies.flatMap((body) => spanIdentities(body));

describe('a topic between receiving and deciding', () => {
  it.each(['1', '2'])(
    'has every span once, by trace, and deciders of %s shards send each on as it came',
    async (shards) => {
      const topic = await newTopic();
      const sink = await newSink();
      const producer = await start({ topic, role: 'produce', shards });
      const sender = senderTo(producer);
      const sent: string[] = [];
      for (let n = 0; n < 60; n++) {
        const body = requestBytes(...request(n));
        await (n % 2 ? sender.grpc(body, 'gzip') : sender.http(body));
        sent.push(...spanIdentities(body));
      }
      sender.close();

      const messages = await readTopic(kafka.broker, topic);
      expect(difference(identitiesIn(messages), sent)).toEqual({ extra: [], missing: [] });
      const partitions = new Map<string, Set<number>>();
      for (const { key, partition, value } of messages) {
        const traces = new Set(spanIdentities(value).map((identity) => identity.slice(0, 32)));
        expect([...traces]).toEqual([key]);
        partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
      }
      expect([...partitions.values()].every((each) => each.size === 1)).toBe(true);
      expect(new Set(messages.map(({ partition }) => partition)).size).toBe(4);

      const decider = await start({ topic, role: 'consume', shards, sink });
      await eventually(
        async () => expect(difference(identitiesAt(sink), sent)).toEqual({ extra: [], missing: [] }),
        30_000,
      );
      const ends = [0n, 0n, 0n, 0n];
      for (const { partition, offset } of messages) if (offset >= ends[partition]) ends[partition] = offset + 1n;
      await eventually(async () => expect(await committedOffsets(kafka.broker, topic, topic)).toEqual(ends), 30_000);
      expect(await decider.stop()).toBe(0);
      expect(await producer.stop()).toBe(0);
      await sleep(0);
    },
  );
});
