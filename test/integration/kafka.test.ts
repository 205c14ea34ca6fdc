import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningKafka, startCollector, startKafka } from '../../tools/servers/start.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { Authority } from '../support/certificates.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import {
  committedOffsets,
  createTopic,
  identitiesIn,
  placesOf,
  readTopic,
  writeMessages,
} from '../support/kafka-topic.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { postTraces } from '../support/post-traces.ts';
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

const folderOf = new WeakMap<GatewayProcess, string>();

let topics = 0;
async function newTopic(): Promise<string> {
  const topic = `spans-${++topics}`;
  await createTopic(kafka.broker, topic);
  return topic;
}

interface Start {
  readonly topic: string;
  /** `none`: it has nothing to do with Kafka. */
  readonly role: 'produce' | 'consume' | 'none';
  readonly shards?: string;
  readonly sink?: OtlpSink;
  readonly boot?: Record<string, unknown>;
  readonly kafka?: Record<string, unknown>;
}

async function start({ topic, role, shards = '1', sink, boot, kafka: more }: Start): Promise<GatewayProcess> {
  const home = makeHome(
    {
      ...(role !== 'none' && {
        kafka: { brokers: [kafka.broker], topic, role, group: topic, commit_interval: '500ms', ...more },
      }),
      buffer: { decision_wait: '500ms' },
      batch: { max_age: '100ms' },
      ...(sink && { export: [sinkExporter(sink.url)] }),
      ...boot,
    },
    keepAll,
  );
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  folderOf.set(gateway, home.directory);
  stops.push(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return gateway;
}

/** The nth request: spans with errors, which no overload drops, of several traces, which have spans in other requests too, and several resources. */
const request = (n: number): Told[] =>
  Array.from({ length: 20 }, (_, i) => ({
    trace: `${Math.floor(n / 3)}-${i % 7}`,
    id: `${n}-${i}`,
    service: `service-${(n + i) % 3}`,
    status: 'ERROR' as const,
    padding: (n % 5) * 100,
  }));

async function newSink(): Promise<OtlpSink> {
  const sink = await startSink();
  stops.push(() => sink[Symbol.asyncDispose]());
  return sink;
}

/** Well framed outside, and its last span is no protobuf: its trace id's tag is one of a group that nobody closes. */
function brokenInside(body: Uint8Array): Buffer {
  const broken = Buffer.from(body);
  broken[broken.lastIndexOf(Buffer.from([0x0a, 16]))] = 0x0b;
  return broken;
}

/** Trace and span ids: what the Collector writes anew is not the same byte by byte. */
const idsIn = (body: Uint8Array): string[] =>
  spansIn(decodeRequest(body)).map(({ traceId, spanId }) => `${traceId} ${spanId}`);

/** Sends without a pause until it is stopped, each request until it is taken; the spans that were. */
function startTraffic(to: { grpc: string; http: string }): { readonly taken: string[]; stop(): Promise<string[]> } {
  const sender = senderTo(to);
  const taken: string[] = [];
  let going = true;
  const run = async () => {
    for (let n = 0; going; n++) {
      const body = requestBytes(...request(n));
      while (!(await sender.http(body).then(Boolean, () => false))) await sleep(100);
      taken.push(...spanIdentities(body));
      await sleep(5);
    }
    sender.close();
  };
  const running = run();
  return {
    taken,
    stop: async () => {
      going = false;
      await running;
      return taken;
    },
  };
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
    },
  );

  it('says UNAVAILABLE while brokers are away', async () => {
    const own = await startKafka();
    stops.push(() => own.stop());
    await createTopic(own.broker, 'away');
    const producer = await start({ topic: 'away', role: 'produce', kafka: { brokers: [own.broker], timeout: '2s' } });
    const sender = senderTo(producer);
    stops.push(() => sender.close());
    const body = requestBytes(...request(1));
    await sender.grpc(body);
    await own.stop();
    await expect(sender.grpc(body)).rejects.toThrow(/UNAVAILABLE: the Kafka brokers did not take it/);
    await expect(sender.http(body)).rejects.toThrow(/HTTP 503/);
    const { books } = await producer.status();
    expect((books as { spans: Record<string, number> }).spans).toMatchObject({ received: 20, produced: 20, lost: 0 });
  });

  it('sets aside what is no OTLP, with its offset, and goes on behind it', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    const [before, between, after] = [1, 2, 3].map((n) => requestBytes(...request(n)));
    const broken = brokenInside(between);
    const cut = before.subarray(0, before.length - 9);
    const wronglyNested = Buffer.from([0x0a, 3, 0x12, 50, 0]);
    const values = [before, Buffer.from('no protobuf'), cut, wronglyNested, broken, after];
    await writeMessages(kafka.broker, topic, 2, values);
    const decider = await start({ topic, role: 'consume', sink });
    // Of a request in which one span is no protobuf, the others are taken.
    const sent = [before, broken, after].flatMap((body) => spanIdentities(body, 'leave out'));
    await eventually(async () => expect(difference(identitiesAt(sink), sent)).toEqual({ extra: [], missing: [] }));
    await eventually(async () => expect((await committedOffsets(kafka.broker, topic, topic))[2]).toBe(6n));
    const folder = join(folderOf.get(decider) as string, 'data', 'kafka-set-aside');
    expect(readdirSync(folder).sort()).toEqual([1, 2, 3].map((offset) => `${topic}-2-${offset}.bin`));
    expect(decider.events('kafka')[0]).toMatchObject({ partition: 2, offset: '1' });
    expect(await decider.get('/metrics')).toContain('\ntailgate_kafka_poison_messages_total 3\n');
  });

  it('sends what is no OTLP to another topic, and commits when it is there', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    const [before, after] = [1, 2].map((n) => requestBytes(...request(n)));
    const broken = [Buffer.from('no protobuf'), Buffer.from([0x0a, 3, 0x12, 50, 0])];
    await writeMessages(kafka.broker, topic, 2, [before, ...broken, after]);
    const dead = `${topic}-dead`;
    const decider = await start({ topic, role: 'consume', sink, kafka: { dead_letter_topic: dead, timeout: '1s' } });
    const sent = [before, after].flatMap((body) => spanIdentities(body));
    await eventually(async () => expect(difference(identitiesAt(sink), sent)).toEqual({ extra: [], missing: [] }));
    const said = `there is no topic ${dead}`;
    await eventually(async () => expect(JSON.stringify(decider.events('kafka'))).toContain(said));
    expect(await committedOffsets(kafka.broker, topic, topic)).toEqual([0n, 0n, 0n, 0n]);
    await createTopic(kafka.broker, dead, 2);
    await eventually(async () => expect((await committedOffsets(kafka.broker, topic, topic))[2]).toBe(4n));
    const letters = await readTopic(kafka.broker, dead);
    expect(letters.map(({ value }) => value)).toEqual(broken);
    expect(letters.map(({ key, headers }) => ({ key, ...headers }))).toEqual(
      ['not an ExportTraceServiceRequest', expect.stringContaining('malformed protobuf')].map((reason, i) => ({
        key: 'test',
        'tailgate.topic': topic,
        'tailgate.partition': '2',
        'tailgate.offset': `${i + 1}`,
        'tailgate.reason': reason,
      })),
    );
    expect(difference(identitiesAt(sink), sent)).toEqual({ extra: [], missing: [] });
    expect(existsSync(join(folderOf.get(decider) as string, 'data', 'kafka-set-aside'))).toBe(false);
  });

  it.each(['gzip', 'zstd'] as const)(
    'is not read behind a batch in %s that would become too much',
    async (compression) => {
      const topic = await newTopic();
      const sink = await newSink();
      const [before, elsewhere] = [1, 2].map((n) => requestBytes(...request(n)));
      await writeMessages(kafka.broker, topic, 2, [before]);
      await writeMessages(kafka.broker, topic, 2, [new Uint8Array(80 * 1024 * 1024)], compression);
      await writeMessages(kafka.broker, topic, 1, [elsewhere]);
      const decider = await start({ topic, role: 'consume', sink });
      const said = /a batch of records becomes more than 67108864 bytes when it is unpacked/;
      await eventually(async () => expect(JSON.stringify(decider.events('kafka'))).toMatch(said), 30_000);
      expect(await decider.stop()).toBe(0);
    },
  );

  it('gets kept traces, too, each under its id, and says whose it is', async () => {
    const topic = await newTopic();
    const exporter = { name: 'kept', kafka: { brokers: [kafka.broker], topic } };
    const receive = {
      grpc: { endpoint: '127.0.0.1:0' },
      http: { endpoint: '127.0.0.1:0' },
      tenants: { allow: ['shop', 'search'], default: 'shop' },
    };
    const boot = { receive, buffer: { decision_wait: '200ms' }, batch: { max_age: '100ms' }, export: [exporter] };
    const home = makeHome(boot, keepAll);
    const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: '1' } });
    stops.push(async () => {
      await gateway.kill();
      home[Symbol.dispose]();
    });
    const sender = senderTo(gateway);
    const http = new Agent({ keepAlive: true });
    const sent: string[] = [];
    const ownerOf = new Map<string, string>();
    for (let n = 0; n < 12; n++) {
      const body = requestBytes(...request(n));
      if (n % 2 === 0) await sender.grpc(body);
      else expect(await postTraces(gateway.http, http, body, { 'x-scope-orgid': 'search' })).toBe(200);
      sent.push(...spanIdentities(body));
      for (const identity of spanIdentities(body)) ownerOf.set(identity, n % 2 === 0 ? 'shop' : 'search');
    }
    sender.close();
    http.destroy();
    expect(await gateway.stop()).toBe(0);
    const messages = await readTopic(kafka.broker, topic);
    for (const { value, headers } of messages)
      for (const identity of spanIdentities(value)) expect(headers).toEqual({ 'x-scope-orgid': ownerOf.get(identity) });
    expect(difference(identitiesIn(messages), sent)).toEqual({ extra: [], missing: [] });
    for (const { key, value } of messages)
      expect(new Set(spanIdentities(value).map((identity) => identity.slice(0, 32)))).toEqual(new Set([key]));
  });

  it('is reached by TLS and SCRAM, and not with another password', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tailgate-kafka-tls-'));
    stops.push(() => rmSync(folder, { recursive: true, force: true }));
    const ca = await Authority.create(folder, 'ca');
    const scram = { username: 'gateway', password: 'a password' };
    const own = await startKafka({
      tls: await ca.issue('broker', { usage: 'server', names: ['localhost', '127.0.0.1'] }),
      scram,
    });
    stops.push(() => own.stop());
    const sasl = { mechanism: 'SCRAM-SHA-256' as const, ...scram };
    await createTopic(own.broker, 'safe', 4, { tls: { ca: ca.ca }, sasl });
    const access = { brokers: [own.broker], tls: { ca_file: ca.caFile }, sasl };
    const sink = await newSink();
    const producer = await start({ topic: 'safe', role: 'produce', kafka: access });
    await start({ topic: 'safe', role: 'consume', sink, kafka: access });
    const body = requestBytes(...request(1));
    const sender = senderTo(producer);
    stops.push(() => sender.close());
    await sender.http(body);
    const sent = spanIdentities(body);
    await eventually(async () => expect(difference(identitiesAt(sink), sent)).toEqual({ extra: [], missing: [] }));
    const wrong = { ...access, sasl: { ...sasl, password: 'another' }, timeout: '2s' };
    const stranger = senderTo(await start({ topic: 'safe', role: 'produce', kafka: wrong }));
    stops.push(() => stranger.close());
    await expect(stranger.http(body)).rejects.toThrow(/HTTP 503/);
  });
});

describe('a real Collector', () => {
  it('feeds the topic with its kafka exporter, to the partitions that gateways choose', async () => {
    const topic = await newTopic();
    const collector = await startCollector({
      withKafka: true,
      config: `
receivers: { otlp: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" } } } }
exporters: { kafka: { brokers: ["${kafka.broker}"], partition_traces_by_id: true, traces: { topic: ${topic}, encoding: otlp_proto } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [kafka] } } }
`,
    });
    stops.push(() => collector.stop());
    const theirs = senderTo({ grpc: '127.0.0.1:1', http: collector.otlpHttp.replace('http://', '') });
    const ours = senderTo(await start({ topic, role: 'produce' }));
    const sent: string[] = [];
    // Of each trace some requests go over the Collector, and the others over the gateway.
    for (let n = 0; n < 12; n++) {
      const body = requestBytes(...request(n));
      await (n % 2 ? theirs : ours).http(body);
      sent.push(...idsIn(body));
    }
    theirs.close();
    ours.close();
    const messages = await eventually(async () => {
      const found = await readTopic(kafka.broker, topic);
      expect(
        difference(
          found.flatMap(({ value }) => idsIn(value)),
          sent,
        ),
      ).toEqual({ extra: [], missing: [] });
      return found;
    });
    const partitions = new Map<string, Set<number>>();
    for (const { key, partition } of messages) partitions.set(key, (partitions.get(key) ?? new Set()).add(partition));
    expect(partitions.size).toBe(28);
    expect([...partitions.values()].filter((each) => each.size > 1)).toEqual([]);
    const sink = await newSink();
    await start({ topic, role: 'consume', sink });
    await eventually(async () =>
      expect(difference(sink.bodies.flatMap(idsIn), sent)).toEqual({ extra: [], missing: [] }),
    );
  });

  it('reads with its kafka receiver what gateways write', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    const producer = await start({ topic, role: 'produce', kafka: { compression: 'zstd' } });
    const behind = await start({ topic, role: 'none', sink });
    const collector = await startCollector({
      withKafka: true,
      config: `
receivers: { kafka: { brokers: ["${kafka.broker}"], group_id: their-${topic}, initial_offset: earliest, traces: { topics: [${topic}], encoding: otlp_proto } } }
exporters: { otlp: { endpoint: "${behind.grpc}", tls: { insecure: true } } }
service: { pipelines: { traces: { receivers: [kafka], exporters: [otlp] } } }
`,
    });
    stops.push(() => collector.stop());
    const sender = senderTo(producer);
    const sent: string[] = [];
    for (let n = 0; n < 12; n++) {
      const body = requestBytes(...request(n));
      await sender.grpc(body);
      sent.push(...idsIn(body));
    }
    sender.close();
    await eventually(async () =>
      expect(difference(sink.bodies.flatMap(idsIn), sent)).toEqual({ extra: [], missing: [] }),
    );
  });
});

/** All of them are there; where not, it says where in the topic the others lie: together they were skipped. */
async function allCame(sink: OtlpSink, broker: string, topic: string, sent: string[], ms: number): Promise<void> {
  const missing = () => difference(identitiesAt(sink), sent).missing;
  await eventually(async () => expect(missing()).toEqual([]), ms).catch(async (cause) => {
    const [left, committed] = [missing(), await committedOffsets(broker, topic, topic, 6)];
    const places = (await placesOf(broker, topic, left)).slice(0, 20).join(', ');
    throw new Error(`${left.length} spans did not come: ${places}; committed are ${committed}`, { cause });
  });
}

describe('a group of deciders', () => {
  it('loses no span when one is killed, partitions change hands and the broker starts again under load', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tailgate-kafka-'));
    let own = await startKafka({ dir, sessionTimeoutMs: 6_000 });
    const { port, broker } = own;
    stops.push(async () => {
      await own.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    await createTopic(broker, 'group', 6);
    const sink = await newSink();
    const common = { topic: 'group', kafka: { brokers: [broker], timeout: '3s' } };
    const producer = await start({ ...common, role: 'produce' });
    const first = await start({ ...common, role: 'consume', sink });
    await start({ ...common, role: 'consume', sink, shards: '2' });
    const traffic = startTraffic(producer);
    await eventually(async () => expect(identitiesAt(sink).length).toBeGreaterThan(2_000), 60_000);

    const beforeKill = [...traffic.taken];
    const killedAt = performance.now();
    await first.kill();
    await allCame(sink, broker, 'group', beforeKill, 120_000);
    const recoveredMs = Math.round(performance.now() - killedAt);

    await own.stop();
    await sleep(1_000);
    own = await startKafka({ dir, port, sessionTimeoutMs: 6_000 });
    await start({ ...common, role: 'consume', sink });
    const atRestart = traffic.taken.length;
    await eventually(async () => expect(traffic.taken.length).toBeGreaterThan(atRestart + 1_000), 60_000);
    const sent = await traffic.stop();
    await allCame(sink, broker, 'group', sent, 120_000);

    // What came twice came as it was: requests that were refused and sent again, and what was not committed yet.
    const known = new Set(sent);
    const came = identitiesAt(sink);
    expect(came.filter((identity) => !known.has(identity))).toEqual([]);
    const doubled = came.length - sent.length;
    console.log(`${sent.length} spans, ${doubled} doubled; all there ${recoveredMs} ms after kill -9`);
    const ends = Array<bigint>(6).fill(0n);
    for (const { partition, offset } of await readTopic(broker, 'group'))
      if (offset >= ends[partition]) ends[partition] = offset + 1n;
    await eventually(async () => expect(await committedOffsets(broker, 'group', 'group', 6)).toEqual(ends), 60_000);
  }, 600_000);

  it('has a member back that was killed, under its own name, when its session is over', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    const producer = await start({ topic, role: 'produce' });
    const named = { topic, role: 'consume', sink, kafka: { instance: 'decider-0' } } as const;
    const sender = senderTo(producer);
    stops.push(() => sender.close());
    const sent: string[] = [];
    for (const n of [1, 2]) {
      const decider = await start(named);
      const body = requestBytes(...request(n));
      await sender.http(body);
      sent.push(...spanIdentities(body));
      await eventually(async () => expect(difference(identitiesAt(sink), sent).missing).toEqual([]), 60_000);
      await decider.kill();
    }
  });

  it('has a member back that stood still for longer than its session, and reads nothing beside it for long', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    const producer = await start({ topic, role: 'produce' });
    const decider = await start({ topic, role: 'consume', sink });
    const sender = senderTo(producer);
    stops.push(() => sender.close());
    const sent: string[] = [];
    const send = async (n: number) => {
      const body = requestBytes(...request(n));
      await sender.http(body);
      sent.push(...spanIdentities(body));
      await eventually(async () => expect(difference(identitiesAt(sink), sent).missing).toEqual([]), 60_000);
    };
    await send(1);
    process.kill(decider.pid, 'SIGSTOP');
    await sleep(9_000);
    process.kill(decider.pid, 'SIGCONT');
    await send(2);
    await send(3);
    const ends = Array<bigint>(4).fill(0n);
    for (const { partition, offset } of await readTopic(kafka.broker, topic))
      if (offset >= ends[partition]) ends[partition] = offset + 1n;
    await eventually(async () => expect(await committedOffsets(kafka.broker, topic, topic)).toEqual(ends), 60_000);
    expect(await decider.stop()).toBe(0);
  });

  it('reads again what an exporter gave up because its destination was away', async () => {
    const topic = await newTopic();
    const sink = await newSink();
    sink.answers(() => ({ status: 503 }));
    const producer = await start({ topic, role: 'produce' });
    const retry = { initial: '50ms', max: '200ms', give_up_after: '1s' };
    const boot = { export: [sinkExporter(sink.url, { retry })] };
    const decider = await start({ topic, role: 'consume', boot });
    const sender = senderTo(producer);
    stops.push(() => sender.close());
    const bodies = [1, 2, 3].map((n) => requestBytes(...request(n)));
    for (const body of bodies) await sender.http(body);
    await eventually(
      async () => expect(await decider.get('/metrics')).toMatch(/\ntailgate_kafka_rewinds_total [1-9]/),
      60_000,
    );
    expect(await committedOffsets(kafka.broker, topic, topic)).toEqual([0n, 0n, 0n, 0n]);
    sink.answers(() => ({ status: 200 }));
    const sent = bodies.flatMap((body) => spanIdentities(body));
    await eventually(async () => expect(difference(identitiesAt(sink), sent).missing).toEqual([]), 60_000);
    await eventually(async () => {
      const committed = await committedOffsets(kafka.broker, topic, topic);
      expect(committed.some((offset) => offset > 0n)).toBe(true);
    });
  });
});
