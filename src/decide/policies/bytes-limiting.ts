import { kind } from './kind.ts';
import { limited } from './limited.ts';
import { number, optional } from './parameters.ts';
import { per } from './per.ts';

/** Traces of up to so many bytes count as small. */
const smallestBytes = 128;

export const bytesLimiting = kind({
  type: 'bytes_limiting',
  says: 'traces as long as their spans come to no more than so many bytes a second, as they came; one larger than the bucket is never kept by it',
  parameters: {
    bytes_per_second: number('how fast the bucket fills', 1, 1e12),
    burst_capacity: optional(
      number('bytes that it holds; twice `bytes_per_second` where left out', 1, 1e12),
      undefined,
    ),
    per,
  },
  compile: ({ bytes_per_second: rate, burst_capacity: burst = 2 * rate, per: its }, { identity }) =>
    limited(identity, { rate, burst, per: its, smallest: smallestBytes, size: (facts) => facts.bytes }),
});
