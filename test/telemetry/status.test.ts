import { describe, expect, it } from 'vitest';
import { booksOf, statusOf } from '../../src/telemetry/status.ts';
import { startedAt, statsAfterTraffic, statsAtStart } from './sample.ts';

const identity = { version: '1.2.3', environment: 'staging', shards: 1, startedAt };

describe('the books', () => {
  it('add up in spans and in traces, over all policies', () => {
    expect(booksOf(statsAfterTraffic())).toEqual({
      balanced: true,
      spans: {
        received: 1005,
        kept: 140,
        dropped: 700,
        late_kept: 10,
        late_dropped: 0,
        produced: 0,
        forwarded: 0,
        rejected: 0,
        invalid: 5,
        lost: 0,
        waiting: 150,
        balanced: true,
      },
      traces: {
        kept: 15,
        dropped: 80,
        late_kept: 0,
        late_dropped: 0,
        produced: 0,
        forwarded: 0,
        rejected: 0,
        invalid: 0,
        lost: 0,
        waiting: 12,
      },
      exporters: [{ name: 'tempo', kept: 150, exported: 100, queued: 40, failed: 10, balanced: true }],
    });
  });

  it('say so when a span is missing', () => {
    const stats = statsAfterTraffic();
    const books = booksOf({ ...stats, waiting: { spans: 149, traces: 12 } });
    expect([books.balanced, books.spans.balanced]).toEqual([false, false]);
  });

  it('say so when an exporter lost a span', () => {
    const stats = statsAfterTraffic();
    stats.exporters[0]!.stats.exportedSpans--;
    const books = booksOf(stats);
    expect([books.balanced, books.spans.balanced, books.exporters[0]!.balanced]).toEqual([false, true, false]);
  });

  it('balance before the first span', () => {
    expect(booksOf(statsAtStart()).balanced).toBe(true);
  });
});

describe('the status', () => {
  it('counts whole seconds since the start', () => {
    expect(statusOf(identity, statsAfterTraffic(), 90_999).uptimeSeconds).toBe(90);
  });

  it('has null for what never happened', () => {
    const stats = statsAfterTraffic();
    stats.exporters[0]!.stats.lastSuccessAt = 0;
    const status = statusOf(identity, { ...stats, rules: { ...stats.rules, loadedAt: 0, lastRefusal: null } }, 90_000);
    expect([status.export[0]!.lastSuccessAt, status.rules.loadedAt, status.rules.lastRefusal]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('says what is wrong with Kafka, and is silent of it where there is none', () => {
    const written = { heldBytes: 5, writtenRecords: 9, writtenBytes: 900, failedRecords: 1, lastError: 'away' };
    const counts = { messages: 9, bytes: 9, commits: 1, failedCommits: 0, poison: 2 };
    const read = {
      ...counts,
      rebalances: 1,
      rewinds: 0,
      standstills: 0,
      connected: true,
      paused: false,
      lag: { 0: 3, 1: 4 },
      lastError: '',
    };
    const { kafka } = statusOf(identity, { ...statsAfterTraffic(), kafka: { written, read } }, 90_000);
    expect(kafka).toEqual({
      written: { heldBytes: 5, failedRecords: 1, error: 'away' },
      read: { connected: true, paused: false, lagMessages: 7, setAside: 2, error: '' },
    });
    expect(statusOf(identity, statsAfterTraffic(), 90_000)).not.toHaveProperty('kafka');
  });
});
