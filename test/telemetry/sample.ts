import type { GatewayStats, LoopStats } from '../../src/model/stats.ts';
import type { Sample } from '../../src/telemetry/metrics/metric.ts';

export const startedAt = Date.parse('2026-01-02T03:00:00.000Z');
export const now = startedAt + 90_000;

const loop: LoopStats = {
  activeSeconds: 3,
  idleSeconds: 87,
  delayP99Seconds: 0.002,
  delayMaxSeconds: 0.01,
  gc: {
    minor: { count: 10, seconds: 0.02 },
    major: { count: 1, seconds: 0.01 },
    incremental: { count: 0, seconds: 0 },
    weakcb: { count: 0, seconds: 0 },
  },
};

/** A gateway after a minute and a half of traffic, with balanced books. */
export function statsAfterTraffic(): GatewayStats {
  return {
    received: {
      grpc: { spans: 900, bytes: 400_000, requests: 9 },
      http_protobuf: { spans: 100, bytes: 45_000, requests: 2 },
      http_json: { spans: 5, bytes: 3_000, requests: 1 },
      kafka: { spans: 0, bytes: 0, requests: 0 },
      cluster: { spans: 0, bytes: 0, requests: 0 },
      window: { spans: 0, bytes: 0, requests: 0 },
      restore: { spans: 0, bytes: 0, requests: 0 },
    },
    refused: { too_large: { requests: 2, bytes: 140_000_000 } },
    letIn: { grpc: { checkout: { requests: 9 } }, http: {}, admin: { prometheus: { requests: 6 } } },
    adminRefused: { unauthenticated: 1 },
    outcomes: [
      { outcome: 'kept', policy: 'errors', spans: 100, traces: 10 },
      { outcome: 'kept', policy: 'baseline', spans: 40, traces: 5 },
      { outcome: 'dropped', policy: 'none', spans: 700, traces: 80 },
      { outcome: 'late_kept', policy: 'errors', spans: 10, traces: 0 },
      { outcome: 'invalid', policy: 'none', spans: 5, traces: 0 },
    ],
    triggers: { wait: 90, root: 3, size: 1, full: 1, shutdown: 0 },
    waiting: { spans: 150, traces: 12 },
    buffer: { bytes: 8 << 20, limitBytes: 512 << 20, oldestSeconds: 14.5 },
    window: {
      bytes: 3 << 20,
      limitBytes: 64 << 20,
      oldestSeconds: 540,
      spans: 60_000,
      missedSpans: 12,
      keptTraces: { rescue: 2, id: 1, query: 0 },
    },
    overload: [{ rung: 0, name: 'none', cause: '', keepsOneIn: 1 }],
    inflightBytes: 0,
    memory: {
      parts: {
        inflight: 0,
        segments: 4 << 20,
        rows: 1 << 20,
        traces: 2 << 20,
        index: 1 << 20,
        spare: 8 << 20,
        window: 3 << 20,
        scan: 53_248,
        rings: 0,
        decisions: 1 << 20,
        batches: 3 << 20,
        queues: 9_500,
        store: 0,
        heap: 2 << 20,
      },
      residentBytes: 130 << 20,
      idleBytes: 100 << 20,
      limitBytes: 2 ** 31,
    },
    connections: {
      grpc: { open: 3, sentAway: 2, refused: 1 },
      http: { open: 0, sentAway: 0, refused: 0 },
      cluster: { open: 0, sentAway: 0, refused: 0 },
    },
    arriving: { heldBytes: 0, pooledBytes: 0 },
    lateness: { bounds: [0.01, 0.1, 1], counts: [80, 10, 4, 1], sum: 6.5 },
    turns: { bounds: [0.005, 0.01], counts: [990, 10, 0], sum: 1.5 },
    loops: [{ thread: 'shard 0', loop }],
    remembered: { decisions: 95, limit: 200_000, evicted: 0 },
    redactions: { passwords: 7 },
    malformedTraceStates: 1,
    inconsistentTraceStates: 3,
    mendedSpans: 2,
    shadow: [{ policy: 'big', vote: 'keep', traces: 3 }],
    faults: [{ policy: 'ottl', asked: 12, faults: 2 }],
    batching: { spans: 20, bytes: 9_000 },
    exporters: [
      {
        name: 'tempo',
        stats: {
          exportedSpans: 100,
          exportedRequests: 4,
          queuedSpans: 20,
          queuedBytes: 9_500,
          queueLimitBytes: 256 << 20,
          failedSpans: { queue_full: 0, rejected: 10 },
          retries: 1,
          lastError: 'UNAVAILABLE: connection refused',
          lastErrorAt: startedAt + 20_000,
          lastSuccessAt: startedAt + 80_000,
        },
      },
    ],
    rules: {
      revision: 'r7',
      hash: 'abcdef012345',
      source: 'consul:tailgate/sampling/staging',
      modifyIndex: 42,
      loadedAt: startedAt + 60_000,
      policies: ['errors', 'slow', 'routes', 'baseline'],
      debug: false,
      lastRefusal: { at: startedAt + 70_000, error: 'baseline_percent: expected a number from 0 to 100' },
      lastLoadSucceeded: false,
      loads: { accepted: 2, refused: 1 },
      sourceAgeSeconds: 5,
      sourceError: '',
      follows: 'consul:tailgate/sampling/staging',
      sourceIndex: 45,
      sourceRefusal: 'baseline_percent: expected a number from 0 to 100',
      written: { by: 'anna', at: '2026-01-02T03:00:59.000Z', why: 'quieter' },
    },
  };
}

/** The same before the first span. */
export function statsAtStart(): GatewayStats {
  const none = { spans: 0, bytes: 0, requests: 0 };
  return {
    ...statsAfterTraffic(),
    received: {
      grpc: { ...none },
      http_protobuf: { ...none },
      http_json: { ...none },
      kafka: { ...none },
      cluster: { ...none },
      window: { ...none },
      restore: { ...none },
    },
    refused: {},
    letIn: {},
    adminRefused: {},
    outcomes: [],
    waiting: { spans: 0, traces: 0 },
    lateness: { bounds: [0.01, 0.1, 1], counts: [0, 0, 0, 0], sum: 0 },
    redactions: {},
    exporters: [],
  };
}

export function sampleOf(gateway: GatewayStats = statsAfterTraffic()): Sample {
  return {
    identity: { version: '1.2.3', environment: 'staging', shards: 1, startedAt },
    gateway,
    process: {
      cpu: { user: 2, system: 0.5 },
      residentBytes: 100e6,
      heapUsedBytes: 20e6,
      heapLimitBytes: 2e9,
      externalBytes: 60e6,
      loop,
    },
    logLinesLost: 0,
    epochOffsetMs: 1_790_000_000_000,
  };
}
