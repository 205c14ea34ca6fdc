import * as v from 'valibot';
import { block, count, duration, oneOf, size } from '../options.ts';

/** Crash safety is not built yet; an empty directory is the way to say so that a variable can express. */
const durable = block({
  directory: v.pipe(
    v.literal('', 'not supported in this version: leave it empty'),
    v.description('empty: crash safety is not supported in this version'),
  ),
});

/** As many as late spans and questions ever need, in a sixteenth of the buffer at 102 bytes each. */
const usualDecisions = (maxBytes: number): number => Math.min(262_144, Math.floor(maxBytes / 16 / 102));

/** `window:`. */
export const windowOptions = v.pipe(
  block({
    max_bytes: v.pipe(
      v.optional(size('0', '4TiB'), 0),
      v.description(
        'memory of what waits no more, kept or dropped, beside the buffer; 0 = off; auto = 4 % of the container’s limit, else 64MiB',
      ),
    ),
    max_age: v.pipe(v.optional(duration('1s', '24h'), '15m'), v.description('what landed longer ago goes')),
  }),
  v.transform((raw) => ({ maxBytes: raw.max_bytes, maxAgeMs: raw.max_age })),
);

/** `buffer:`. */
export const bufferOptions = v.pipe(
  block({
    decision_wait: v.pipe(
      v.optional(duration('1ms', '1h'), '15s'),
      v.description("from a trace's first span to its verdict"),
    ),
    decision_wait_after_root: v.pipe(
      v.optional(duration('0s', '1h'), '0s'),
      v.description('from its root span to its verdict, where that is sooner; 0s = off'),
    ),
    max_bytes: v.pipe(
      v.optional(size('1MiB', '4TiB'), '512MiB'),
      v.description(
        'memory of everything that waits, and of remembered decisions; where nothing or auto is set, 40 % of the container’s limit if it has one',
      ),
    ),
    max_trace_bytes: v.pipe(
      v.optional(size('1KiB', '1GiB')),
      v.description('a larger trace is decided at once; what follows is late; 5MB, or max_bytes where that is less'),
    ),
    on_full: v.pipe(
      v.optional(oneOf('decide_oldest', 'refuse'), 'decide_oldest'),
      v.description('when max_bytes is reached: decide the oldest traces early, or tell senders to try again'),
    ),
    compress_after: v.pipe(
      v.optional(duration('0s', '1h'), '0s'),
      v.description('waiting segments older than this are kept compressed (zstd), with one shard; 0s = off'),
    ),
    remembered_decisions: v.pipe(
      v.optional(count(1024, 100_000_000)),
      v.description(
        'verdicts remembered for late spans and for explain, in at most a quarter of max_bytes (262144, or what a sixteenth holds)',
      ),
    ),
    durable: v.optional(durable),
  }),
  v.forward(
    v.check((raw) => (raw.max_trace_bytes ?? 0) <= raw.max_bytes, 'larger than max_bytes: expected at most as much'),
    ['max_trace_bytes'],
  ),
  v.transform((raw) => ({
    decisionWaitMs: raw.decision_wait,
    decisionWaitAfterRootMs: raw.decision_wait_after_root,
    maxBytes: raw.max_bytes,
    maxTraceBytes: raw.max_trace_bytes ?? Math.min(5_000_000, raw.max_bytes),
    onFull: raw.on_full,
    compressAfterMs: raw.compress_after,
    rememberedDecisions: raw.remembered_decisions ?? usualDecisions(raw.max_bytes),
  })),
);
