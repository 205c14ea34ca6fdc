import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { type SpanObject, spansIn } from '../support/otlp.ts';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const onlyErrors = 'baseline_percent: null\nlatency_threshold_ms: null\nroutes: null\n';

/** Nothing is decided before the end; a queue that holds a fiftieth of what waits. */
const tight = (url: string, more: Record<string, unknown> = {}) => ({
  buffer: { decision_wait: '10m' },
  batch: { max_bytes: '1MiB' },
  shutdown_timeout: '25s',
  export: [sinkExporter(url, { queue: { max_bytes: '1MiB' } })],
  ...more,
});

async function start(boot: Record<string, unknown>, shards: string): Promise<GatewayProcess & { sender: Sender }> {
  const home: Home = makeHome(boot, onlyErrors);
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  const sender = senderTo(gateway);
  onTestFinished(async () => {
    sender.close();
    await gateway.kill();
    home[Symbol.dispose]();
  });
  return { ...gateway, sender };
}

async function sink(): Promise<OtlpSink> {
  const server = await startSink();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** 100 traces of 100 kB that are kept, acknowledged one by one. */
async function sendLarge(sender: Sender): Promise<string[]> {
  const traces = Array.from({ length: 100 }, (_, i) => `large ${i}`);
  for (const [i, trace] of traces.entries())
    await sender[i % 2 === 0 ? 'grpc' : 'http'](
      requestBytes({ trace, status: 'ERROR', padding: 60_000 }, { trace, parent: 'x', padding: 40_000 }),
    );
  return traces;
}

/** What came of each trace: its spans by id, with a digest of their names and lengths. */
const arrivedOf = (spans: readonly SpanObject[]): Map<string, string[]> => {
  const all = Map.groupBy(spans, ({ traceId }) => traceId);
  return new Map(
    [...all].map(([id, of]) => [id, of.map(({ spanId, attributes }) => digest(spanId, attributes)).sort()]),
  );
};
const digest = (spanId: string, attributes: unknown): string =>
  `${spanId} ${createHash('sha256').update(JSON.stringify(attributes)).digest('hex').slice(0, 8)}`;

const sumOf = (reasons: Record<string, number>): number => Object.values(reasons).reduce((a, b) => a + b, 0);

describe.each(['1', '2'])('SIGTERM with more waiting than the queue holds, %s shards', (shards) => {
  it('waits for room: every acknowledged span arrives once, as itself, though the sink is slow', async () => {
    const target = await sink();
    target.answers(async () => {
      await sleep(100);
      return { status: 200 };
    });
    const gateway = await start(tight(target.url), shards);
    const traces = await sendLarge(gateway.sender);
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(gateway.events('stopped')).toMatchObject([{ level: 'info', lostSpans: 0 }]);
    const arrived = arrivedOf(target.spans());
    expect([...arrived.keys()].sort()).toEqual(traces.map(traceIdHex).sort());
    for (const spans of arrived.values()) expect(new Set(spans).size).toBe(2);
    expect(target.spans()).toHaveLength(200);
  });

  it('ends in time when the sink is too slow, with 3, and its last line counts what is missing', async () => {
    const target = await sink();
    target.answers(async () => {
      await sleep(1_500);
      return { status: 200 };
    });
    const gateway = await start(tight(target.url, { shutdown_timeout: '3s' }), shards);
    await sendLarge(gateway.sender);
    const from = performance.now();
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(3);
    expect(performance.now() - from).toBeLessThan(10_000);
    const lines = gateway.output().trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1)!) as { event: string; lostSpans: number; lost: Record<string, never> };
    expect(last).toMatchObject({ event: 'stopped', level: 'error', lost: { sink: { shutdown: expect.any(Number) } } });
    // What the sink was still answering when its time was over counts as lost: nobody heard it.
    expect(sumOf(last.lost.sink)).toBe(last.lostSpans);
    expect(last.lostSpans + target.taken.flatMap(spansIn).length).toBeGreaterThanOrEqual(200);
    expect(last.lostSpans).toBeLessThan(200);
  });
});

it('a destination that refuses for good at the end is a loss like any other: 3, by its reason', async () => {
  const target = await sink();
  target.answers(() => ({ status: 400 }));
  const gateway = await start(tight(target.url), '1');
  await gateway.sender.http(requestBytes({ trace: 'a', status: 'ERROR' }, { trace: 'healthy' }));
  gateway.signal('SIGTERM');
  expect(await gateway.exited()).toBe(3);
  expect(gateway.events('stopped')).toMatchObject([{ lostSpans: 1, lost: { sink: { rejected: 1 } } }]);
});

it('a destination that is down holds up another for a quarter of the time, and takes nothing from it', async () => {
  const [dead, healthy] = [await sink(), await sink()];
  dead.answers(() => ({ status: 503 }));
  const exporters = [
    { ...sinkExporter(dead.url, { queue: { max_bytes: '1MiB' } }), name: 'dead' },
    { ...sinkExporter(healthy.url, { queue: { max_bytes: '1MiB' } }), name: 'healthy' },
  ];
  const gateway = await start(tight(healthy.url, { export: exporters, shutdown_timeout: '10s' }), '2');
  const traces = await sendLarge(gateway.sender);
  gateway.signal('SIGTERM');
  expect(await gateway.exited()).toBe(3);
  const [{ lost, lostSpans }] = gateway.events('stopped') as [{ lost: Record<string, never>; lostSpans: number }];
  expect(Object.keys(lost)).toEqual(['dead']);
  expect([lostSpans, sumOf(lost.dead)]).toEqual([200, 200]);
  expect([...arrivedOf(healthy.spans()).keys()].sort()).toEqual(traces.map(traceIdHex).sort());
});
