import { kind } from './kind.ts';
import { limited } from './limited.ts';
import { number, optional } from './parameters.ts';
import { per } from './per.ts';

export const rateLimiting = kind({
  type: 'rate_limiting',
  says: 'traces as long as their spans come to no more than so many a second, whatever the number of shards; one with more spans than the bucket holds is never kept by it',
  parameters: {
    spans_per_second: number('how fast the bucket fills', 1e-3, 1e9),
    burst_capacity: optional(number('spans that it holds; twice `spans_per_second` where left out', 1, 1e9), undefined),
    per,
  },
  compile: ({ spans_per_second: rate, burst_capacity: burst = 2 * rate, per: its }, { identity }) =>
    limited(identity, { rate, burst, per: its, smallest: 1, size: (facts) => facts.spans }),
});
