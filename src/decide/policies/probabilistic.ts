import { thresholdOf } from '../../model/threshold.ts';
import type { Policy } from '../../model/verdict.ts';

/** Below this share a threshold has no room left in 56 bits; it means never. */
const smallestShare = 2 ** -50;

/**
 * Keeps a fair share of all traces: those whose randomness reaches the threshold of `percent`. The randomness belongs
 * to the trace, so every gateway and every restart agrees, and a larger share contains every smaller one. Source:
 * OpenTelemetry specification, "TraceState: Probability Sampling", consistent sampling.
 */
export function probabilistic(name: string, percent: number): Policy {
  const share = percent / 100;
  if (share < smallestShare) return { name, thresholdHigh: 0, thresholdLow: 0, bits: 0 };
  const { high, low } = thresholdOf(share);
  return { name, thresholdHigh: high, thresholdLow: low, share: true };
}
