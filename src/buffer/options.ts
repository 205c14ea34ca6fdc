import { z } from 'zod';
import { block, count, duration, oneOf, size } from '../options.ts';

/** Crash safety is not built yet; an empty directory is the way to say so that a variable can express. */
const durable = block({
  directory: z
    .literal('', { error: 'not supported in this version: leave it empty' })
    .describe('empty: crash safety is not supported in this version'),
});

/** `buffer:`. */
export const bufferOptions = block({
  decision_wait: duration('1ms', '1h').prefault('15s').describe("from a trace's first span to its verdict"),
  decision_wait_after_root: duration('0s', '1h')
    .prefault('0s')
    .describe('from its root span to its verdict, where that is sooner; 0s = off'),
  max_bytes: size('64KiB', '4TiB').prefault('512MiB').describe('memory of everything that waits'),
  max_trace_bytes: size('1KiB', '1GiB')
    .optional()
    .describe('a larger trace is decided at once; what follows is late; 5MB, or max_bytes where that is less'),
  on_full: oneOf('decide_oldest', 'refuse')
    .prefault('decide_oldest')
    .describe('when max_bytes is reached: decide the oldest traces early, or tell senders to try again'),
  compress_after: duration('0s', '1h')
    .prefault('0s')
    .describe('waiting segments older than this are kept compressed (zstd), with one shard; 0s = off'),
  remembered_decisions: count(1024, 100_000_000)
    .prefault(262_144)
    .describe('verdicts remembered for late spans and for explain'),
  durable: durable.optional(),
})
  .superRefine((raw, context) => {
    if ((raw.max_trace_bytes ?? 0) <= raw.max_bytes) return;
    const message = 'larger than max_bytes: expected at most as much';
    context.addIssue({ code: 'custom', path: ['max_trace_bytes'], message });
  })
  .transform((raw) => ({
    decisionWaitMs: raw.decision_wait,
    decisionWaitAfterRootMs: raw.decision_wait_after_root,
    maxBytes: raw.max_bytes,
    maxTraceBytes: raw.max_trace_bytes ?? Math.min(5_000_000, raw.max_bytes),
    onFull: raw.on_full,
    compressAfterMs: raw.compress_after,
    rememberedDecisions: raw.remembered_decisions,
  }));

export type BufferConfig = z.output<typeof bufferOptions>;
