import type { TraceFacts, TraceTest } from '../../model/predicates.ts';
import { reaches } from '../../model/threshold.ts';
import { type AdaptiveOptions, AdaptiveRates } from '../rates/adaptive-rates.ts';
import { keyOf, keyParameters, maxKeys } from './keys.ts';
import { kind } from './kind.ts';
import { duration, number, optional } from './parameters.ts';
import { per, sharedBy } from './per.ts';

/** Bytes are counted in units of so many, which keeps a count in 32 bits. */
const unitBytes = 64;

/**
 * Chances by key that come to a target, with rare keys keeping more; see rates/adaptive-rates.ts. A trace's own
 * randomness is compared with its key's threshold, so the weight is exact.
 */
export const adaptive = kind({
  type: 'adaptive',
  says: 'as many traces as come to a target, by their own randomness; what is rare has the better chance',
  parameters: {
    spans_per_second: optional(number('the target: kept spans a second', 1e-3, 1e9), undefined),
    traces_per_second: optional(number('or kept traces a second', 1e-3, 1e9), undefined),
    bytes_per_second: optional(number('or kept bytes a second, as they came', 64, 1e12), undefined),
    percentage: optional(number('or a share of all spans in per cent', 1e-6, 100), undefined),
    ...keyParameters,
    max_keys: maxKeys(500),
    adjustment_interval: optional(duration('how often chances are reckoned anew', 1000, 3_600_000), 15_000),
    weight: optional(number('of the newest interval in the moving average of traffic', 0.01, 1), 0.5),
    per,
  },
  compile(values, { identity }) {
    const { spans_per_second: spans, traces_per_second: traces, bytes_per_second: bytes, percentage } = values;
    if ([spans, traces, bytes, percentage].filter((target) => target !== undefined).length !== 1)
      return [
        { path: [], message: 'expected one of spans_per_second, traces_per_second, bytes_per_second, percentage' },
      ];
    const { max_keys: most, adjustment_interval: intervalMs, weight } = values;
    const perSecond = bytes === undefined ? (spans ?? traces ?? 0) : bytes / unitBytes;
    const target = percentage === undefined ? { perSecond } : { share: percentage / 100 };
    const options: AdaptiveOptions = { target, intervalMs, weight, keys: most };
    const units = (facts: TraceFacts): number => {
      if (traces !== undefined) return 1;
      return bytes === undefined ? facts.spans : Math.max(1, Math.round(facts.bytes / unitBytes));
    };
    const key = keyOf(values, { attributes: ['service.name'], shape: false, from: 'root' });
    return {
      op: 'stateful',
      asked: identity,
      open: (state): TraceTest => {
        const rates = new AdaptiveRates(
          state.shared(identity, AdaptiveRates.words(most)),
          options,
          sharedBy(state, values.per),
        );
        const keys = state.keys(key);
        return {
          thresholdHigh: 0,
          thresholdLow: 0,
          luck: 1,
          ask(facts) {
            rates.ask(keys.of(facts), units(facts), facts.now);
            this.thresholdHigh = rates.thresholdHigh;
            this.thresholdLow = rates.thresholdLow;
            return reaches(facts.randomnessHigh, facts.randomnessLow, this.thresholdHigh, this.thresholdLow);
          },
          peek(facts) {
            rates.peek(keys.of(facts));
            this.thresholdHigh = rates.thresholdHigh;
            this.thresholdLow = rates.thresholdLow;
          },
        };
      },
    };
  },
});
