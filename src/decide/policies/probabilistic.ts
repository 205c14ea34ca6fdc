import { kind } from './kind.ts';
import { number } from './parameters.ts';

/**
 * Keeps a fair share of all traces: those whose randomness reaches the threshold of `percent`. The randomness belongs
 * to the trace, so every gateway and every restart agrees, and a larger share contains every smaller one. Source:
 * OpenTelemetry specification, "TraceState: Probability Sampling", consistent sampling.
 */
export const probabilistic = kind({
  type: 'probabilistic',
  says: 'a share of all traces, by their own randomness',
  parameters: { sampling_percentage: number('the share in per cent', 0, 100) },
  compile: ({ sampling_percentage: percent }) => ({ op: 'share', share: percent / 100 }),
});
