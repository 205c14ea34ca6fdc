import type { ShardOptions } from '../src/shard/shard.ts';

/** The seed rules, as the benches judge by them. */
export const benchRules = {
  baseline_percent: 1,
  latency_threshold_ms: 500,
  error_status_codes: ['ERROR'],
  routes: ['/login', '/upload'],
  debug: false,
  late: { rescue: false },
  policies: [],
  shadow: [],
} as const;

/** A shard as the gateway makes it, with room for anything. */
export const shardOptions = (decisionWaitMs: number): Omit<ShardOptions, 'neighbours'> => ({
  buffer: {
    decisionWaitMs,
    decisionWaitAfterRootMs: 0,
    maxBytes: 8 * 2 ** 30,
    maxTraceBytes: 5_000_000,
    onFull: 'decide_oldest',
    rememberedDecisions: 262_144,
  },
  batch: { maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 1000 },
  maxEnvelopeBytes: 256 << 10,
  maxSpanBytes: 4 << 20,
  seed: 1,
});
