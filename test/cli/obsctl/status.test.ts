import { describe, expect, it } from 'vitest';
import { clusterText, statusText } from '../../../src/cli/obsctl/status.ts';
import { type Memory, memoryParts } from '../../../src/model/memory.ts';
import type { ClusterStatus } from '../../../src/telemetry/sources.ts';
import type { Status } from '../../../src/telemetry/status.ts';

const now = Date.parse('2026-11-25T17:00:00Z');
const counts = {
  kept: 120,
  dropped: 800,
  late_kept: 3,
  late_dropped: 7,
  produced: 0,
  forwarded: 0,
  rejected: 0,
  invalid: 1,
  lost: 0,
  waiting: 69,
};
const none = Object.fromEntries(memoryParts.map((part) => [part, 0])) as Memory;
const memory = {
  parts: { ...none, segments: 4 << 20, heap: 12 << 20, scan: 53_248 },
  residentBytes: 130 << 20,
  idleBytes: 110 << 20,
  limitBytes: 2 ** 31,
  sumBytes: (16 << 20) + 53_248,
};
const healthy: Status = {
  version: '0.1.0',
  environment: 'staging',
  uptimeSeconds: 3725,
  silentShards: [],
  overload: [{ rung: 0, name: 'none', cause: '', keepsOneIn: 1 }],
  shards: 1,
  rules: {
    revision: 'file-3f2a',
    hash: '0123456789ab',
    source: 'file:/etc/tailgate/rules.yaml',
    modifyIndex: 0,
    loadedAt: '2026-11-25T15:57:55Z',
    policies: ['errors', 'slow', 'baseline'],
    debug: false,
    sourceAgeSeconds: 0.2,
    sourceError: '',
    follows: 'consul:tailgate/sampling/home',
    sourceIndex: 42,
    sourceRefusal: '',
    by: null,
    writtenAt: null,
    why: null,
    lastRefusal: null,
  },
  buffer: { bytes: 1_572_864, limitBytes: 536_870_912, traces: 12, spans: 69, oldestSeconds: 14 },
  window: {
    bytes: 3 << 20,
    limitBytes: 64 << 20,
    oldestSeconds: 540,
    spans: 60_000,
    missedSpans: 0,
    keptTraces: { rescue: 0, id: 0, query: 0 },
  },
  memory,
  export: [{ name: 'tempo', queueBytes: 2048, failing: '', lastError: '', lastSuccessAt: '2026-11-25T16:59:57Z' }],
  books: {
    balanced: true,
    spans: { received: 1000, ...counts, balanced: true },
    traces: { ...counts },
    exporters: [{ name: 'tempo', kept: 123, exported: 120, queued: 3, failed: 0, balanced: true }],
  },
};

describe('the status of a gateway', () => {
  it('tells the books of each tenant where there are such', () => {
    const spans = { received: 1000, ...counts, balanced: true };
    const { buffer, window, overload } = healthy;
    const tenant = (name: string, lost: number) => ({
      name,
      overload,
      buffer,
      window,
      books: { balanced: lost === 0, spans: { ...spans, lost }, traces: counts },
    });
    const text = statusText({ ...healthy, tenants: [tenant('shop', 0), tenant('search', 7)] }, now, false);
    expect(text).toContain(`
TENANT  RECEIVED  KEPT  DROPPED  LOST  WAITING  BUFFER  BOOKS
shop        1000   120      800     0       69     0 %  balanced
search      1000   120      800     7       69     0 %  NOT balanced
`);
    expect(statusText(healthy, now, false)).not.toContain('TENANT');
  });

  it('tells what goes to a topic and comes from it, and what is wrong with that', () => {
    const written = { heldBytes: 2048, failedRecords: 3, error: 'k1:9092: nobody listens there' };
    const read = { connected: true, paused: false, lagMessages: 7, setAside: 1, error: '' };
    expect(statusText({ ...healthy, kafka: { written, read } }, now, false)).toContain(`
kafka     writes, 2 KiB wait for brokers, 3 records not taken: k1:9092: nobody listens there
kafka     reads (on), 7 messages behind, 1 set aside
books `);
    const away = { ...read, connected: false, setAside: 0, error: 'there is no topic spans' };
    expect(statusText({ ...healthy, kafka: { read: away } }, now, false)).toContain(`
kafka     reads (not connected), 7 messages behind: there is no topic spans
books `);
    expect(statusText(healthy, now, false)).not.toContain('kafka');
  });

  it('has no table of exporters where there are none, as of an agent', () => {
    expect(statusText({ ...healthy, export: [] }, now, false)).not.toContain('EXPORTER');
  });

  it('shows no rules where nothing is decided', () => {
    const text = statusText({ ...healthy, export: [], rules: { ...healthy.rules, source: 'file:none' } }, now, false);
    expect(text).toContain('\nrules     none: nothing is decided here\nbuffer ');
    expect(text).toMatch(/^waiting .*\n$/m);
    expect(text).not.toMatch(/\n\n$/);
  });

  it('says of an agent that it owns nothing', () => {
    const fleet = {
      self: '',
      epoch: '911169dd',
      members: [{ name: 'a', address: 'a:1', state: 'reachable' }],
      owned: 0,
    };
    expect(clusterText(fleet as ClusterStatus, false)).toContain(
      'fleet     1 of 1 members, list 911169dd; this one brings spans to them, and owns none\n',
    );
  });

  it('tells revision, buffer, books and exporters', () => {
    expect(statusText(healthy, now, false)).toBe(`\
gateway   0.1.0, environment staging, up 1h02m, 1 shard
rules     file-3f2a (0123456789ab) from file:/etc/tailgate/rules.yaml, loaded 1h02m ago
policies  errors, slow, baseline
buffer    1.5 MiB of 512 MiB (0 %): 12 traces, 69 spans, the oldest 14s
window    3 MiB of 64 MiB: 60000 spans, the oldest 9m00s
memory    130 MiB of 2 GiB: idle 110 MiB, heap 12 MiB, segments 4 MiB
books     balanced

BOOKS         SPANS  TRACES
received       1000       -
kept            120     120
dropped         800     800
late kept         3       3
late dropped      7       7
invalid           1       1
lost              0       0
waiting          69      69

EXPORTER  EXPORTED  QUEUED  FAILED  QUEUE  LAST SUCCESS  LAST ERROR
tempo          120       3       0  2 KiB  3s ago        none
`);
  });

  it('rounds the age of the oldest trace, and leaves it out where none waits', () => {
    const old = { ...healthy.buffer, oldestSeconds: 14.586824248999358 };
    expect(statusText({ ...healthy, buffer: old }, now, false)).toContain('69 spans, the oldest 14.6s\n');
    const empty = { ...healthy.buffer, traces: 0, spans: 0, oldestSeconds: 0 };
    expect(statusText({ ...healthy, buffer: empty }, now, false)).toContain(': 0 traces, 0 spans\n');
  });

  it('tells shards that do not answer, and stores that can keep nothing, in red', () => {
    const text = statusText(
      {
        ...healthy,
        shards: 4,
        silentShards: [1, 3],
        export: [healthy.export[0], { ...healthy.export[0], name: 'store', failing: 'database or disk is full' }],
      },
      now,
      true,
    );
    expect(text).toContain('silent    \u001b[31mshard 1, 3 does not answer: its numbers are those it said last\u001b');
    expect(text).toContain('\u001b[31mstore can store nothing: database or disk is full\u001b');
    expect(statusText(healthy, now, true)).not.toMatch(/silent|can store nothing/);
  });

  it('says of what was this second that it was less than one ago', () => {
    const rules = { ...healthy.rules, loadedAt: new Date(now - 400).toISOString() };
    expect(statusText({ ...healthy, rules }, now, true)).toContain('loaded <1s ago');
  });

  it('does not show in red what was put right since: by new rules, or by those in force once more', () => {
    const refused = (at: string, settled?: boolean) => {
      const lastRefusal = { at, error: 'no such key', settled: settled as boolean };
      return statusText({ ...healthy, rules: { ...healthy.rules, lastRefusal } }, now, true);
    };
    const [before, after] = ['2026-11-25T15:57:54Z', '2026-11-25T15:57:56Z'];
    const red = 'refused   \u001b[31mno such key (1h02m ago)\u001b';
    const settled = 'refused   no such key (1h02m ago), put right since\n';
    expect([refused(after, true), refused(after, false)]).toEqual([
      expect.stringContaining(settled),
      expect.stringContaining(red),
    ]);
    // Older gateways do not say it.
    expect([refused(before), refused(after)]).toEqual([expect.stringContaining(settled), expect.stringContaining(red)]);
  });

  it('tells what is wrong: refused rules, debug, unbalanced books, an exporter that never succeeded', () => {
    const text = statusText(
      {
        ...healthy,
        rules: {
          ...healthy.rules,
          debug: true,
          modifyIndex: 412,
          lastRefusal: { at: '2026-11-25T16:58:00Z', error: 'rules.yaml:3: no such key', settled: false },
        },
        books: { ...healthy.books, balanced: false },
        export: [{ name: 'tempo', queueBytes: 0, failing: '', lastError: 'connection refused', lastSuccessAt: null }],
      },
      now,
      false,
    );
    expect(text).toContain(', index 412, loaded');
    expect(text).toContain('debug     on: every trace is kept\n');
    expect(text).toContain('refused   rules.yaml:3: no such key (2m00s ago)\n');
    expect(text).toContain('books     NOT balanced');
    expect(text).toMatch(/tempo .* never +connection refused\n/);
  });
});

it('what other gateways decide stands in the books where there is some of it', () => {
  expect(statusText(healthy, now, false)).not.toMatch(/forwarded|produced/);
  const spans = { ...healthy.books.spans, received: 1042, forwarded: 42 };
  const text = statusText({ ...healthy, books: { ...healthy.books, spans } }, now, false);
  expect(text).toMatch(/^forwarded +42 +/m);
  expect(text).not.toMatch(/produced/);
});

it('what a when leaves to other exporters has a column where there is some of it', () => {
  expect(statusText(healthy, now, false)).not.toContain('ELSEWHERE');
  const exporters = healthy.books.exporters.map((each) => ({ ...each, exported: 20, elsewhere: 100 }));
  const text = statusText({ ...healthy, books: { ...healthy.books, exporters } }, now, false);
  expect(text).toMatch(/^EXPORTER +EXPORTED +QUEUED +FAILED +ELSEWHERE/m);
  expect(text).toMatch(/^tempo +20 +3 +0 +100/m);
});
