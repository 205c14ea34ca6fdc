import * as v from 'valibot';
import { block, count, duration, size } from '../options.ts';

/** `batch:`. A batch leaves when the first of these is reached. Tempo takes 4 MiB by gRPC. */
export const batchOptions = v.pipe(
  block({
    max_bytes: v.pipe(
      v.optional(size('1KiB', '128MiB'), '3MiB'),
      v.description('largest export request, uncompressed'),
    ),
    max_spans: v.pipe(v.optional(count(1, 10_000_000), 8192), v.description('most spans in an export request')),
    max_age: v.pipe(
      v.optional(duration('0s', '10m'), '1s'),
      v.description('longest that a kept trace waits for company'),
    ),
  }),
  v.transform((raw) => ({ maxBytes: raw.max_bytes, maxSpans: raw.max_spans, maxAgeMs: raw.max_age })),
);
