import { expect, it } from 'vitest';
import { messageOf } from '../../src/receive/message.ts';
import { LocalShard } from '../../src/threads/local-shard.ts';
import type { ShardConfig } from '../../src/threads/shards.ts';
import { eventually } from '../support/gateway.ts';
import { requestBytes } from '../support/spans.ts';
import { noRules } from '../support/story.ts';

const config: ShardConfig = {
  environment: 'home',
  traceDebug: true,
  receive: {
    maxRequestBytes: 1 << 20,
    maxConnections: 100,
    maxInflightBytes: 1 << 20,
    maxConnectionBytes: 1 << 20,
    maxEnvelopeBytes: 1 << 20,
    maxSpanBytes: 1 << 20,
  },
  buffer: {
    decisionWaitMs: 1,
    decisionWaitAfterRootMs: 0,
    maxBytes: 1 << 20,
    maxTraceBytes: 1 << 20,
    onFull: 'refuse',
    compressAfterMs: 0,
    rememberedDecisions: 1024,
  },
  window: { maxBytes: 0, maxAgeMs: 1000 },
  batch: { maxBytes: 1 << 20, maxSpans: 100, maxAgeMs: 1 },
  enrich: { resource: {}, set: {} },
  redact: [],
};

it('spans that could not be written are told with their cause: once, however many there are, and again only after a while', async () => {
  const told: [string, number][] = [];
  const events = {
    emit: () => {},
    fault: () => {},
    died: () => {},
    overload: () => {},
    conditionFault: () => {},
    full: () => {},
    heard: () => {},
    unreachable: () => {},
    refused: () => {},
    delivered: async () => true,
    kafka: () => {},
    lost: (reason: string, spans: number) => void told.push([reason, spans]),
  };
  const shard = new LocalShard(config, { document: noRules, name: 'r1' }, events);
  const lost = () => shard.stats()[0].pipelines[0].outcomes.find(({ outcome }) => outcome === 'lost')?.spans;
  shard.enricher.span = () => {
    throw new RangeError('a defect of ours');
  };
  const send = (trace: string): void => {
    const bytes = requestBytes({ trace }, { trace }, { trace });
    shard.tenants[0].pipeline.accept(messageOf([bytes]), 'grpc');
  };
  try {
    send('a');
    await eventually(async () => expect(told).toEqual([['RangeError: a defect of ours', 3]]), 30_000);
    send('b');
    send('c');
    await eventually(async () => expect(lost()).toBe(9), 30_000);
    expect(told).toHaveLength(1);
    // At the end what is left is told.
    expect(shard.decideWaiting(1 << 20)).toBe(false);
    expect(told).toEqual([
      ['RangeError: a defect of ours', 3],
      ['RangeError: a defect of ours', 6],
    ]);
  } finally {
    shard.end();
  }
});
