import type { z } from 'zod';
import { block, count, duration, size } from '../options.ts';

/** `batch:`. A batch leaves when the first of these is reached. Tempo takes 4 MiB by gRPC. */
export const batchOptions = block({
  max_bytes: size('1KiB', '128MiB').prefault('3MiB').describe('largest export request, uncompressed'),
  max_spans: count(1, 10_000_000).prefault(8192).describe('most spans in an export request'),
  max_age: duration('0s', '10m').prefault('1s').describe('longest that a kept trace waits for company'),
}).transform((raw) => ({ maxBytes: raw.max_bytes, maxSpans: raw.max_spans, maxAgeMs: raw.max_age }));

export type BatchConfig = z.output<typeof batchOptions>;
