import { expect, it } from 'vitest';
import { drain } from '../src/drain.ts';
import type { FanOut } from '../src/fan-out.ts';
import type { ShardStats } from '../src/model/shard-stats.ts';
import type { Shards } from '../src/threads/shards.ts';

const waiting = (spans: number): ShardStats =>
  ({
    pipelines: [{ waiting: { spans }, handedOver: 0, takenOver: 0, batching: { spans: 0 }, outcomes: [] }],
  }) as unknown as ShardStats;

it('of shards that do not answer at the end, what exporters have of theirs is not counted twice', async () => {
  const stats = { exportedSpans: 0, queuedSpans: 0, failedSpans: { shutdown: 0 } };
  let asked = 0;
  const shards = {
    stats: () => (asked++ === 0 ? [waiting(200)] : new Promise(() => {})),
    stopReceiving: async () => {},
    decideWaiting: async () => {
      stats.queuedSpans = 150;
      return false;
    },
    finishReading: async () => {},
  } as unknown as Shards;
  const fanOut = {
    stats: () => [{ name: 'sink', stats: { ...stats, failedSpans: { ...stats.failedSpans } } }],
    beginDrain: () => {},
    roomBytes: () => 1e6,
    close: async () => {
      Object.assign(stats, { exportedSpans: 30, queuedSpans: 0, failedSpans: { shutdown: 120 } });
    },
  } as unknown as FanOut;
  let now = 0;
  const clock = { monotonicMs: () => now++, unixMs: () => 0 };
  expect(await drain({ shards, fanOut, clock }, 50)).toEqual({ sink: { shutdown: 120 }, gateway: { undecided: 50 } });
});
