import { kind } from './kind.ts';
import { optional, whole } from './parameters.ts';

const nsPerMs = 1e6;

/**
 * The trace's duration counts in whole milliseconds, rounded down: 5000.9 ms are not more than 5000, and 200.9 ms are
 * at most 200. Source: opentelemetry-collector-contrib v0.161.0, processor/tailsamplingprocessor/internal/sampling,
 * latency.go.
 */
export const latency = kind({
  type: 'latency',
  says: 'traces that took so long, from their first start to their last end',
  parameters: {
    threshold_ms: optional(whole('longer than so many milliseconds'), 0),
    upper_threshold_ms: optional(whole('and at most so many; 0 = however long'), 0),
  },
  compile: ({ threshold_ms: moreThan, upper_threshold_ms: atMost }) => {
    const min = (moreThan + 1) * nsPerMs;
    if (atMost === 0) return { op: 'traceDuration', ns: { min } };
    if (atMost > moreThan) return { op: 'traceDuration', ns: { min, max: (atMost + 1) * nsPerMs, maxExclusive: true } };
    return [{ path: ['upper_threshold_ms'], message: `${atMost} is not more than threshold_ms: nothing lies between` }];
  },
});
