import { kind } from './kind.ts';
import { number, optional, type Parameter } from './parameters.ts';

/** An empty one is none, as in the Collector. */
const salt: Parameter<string> = {
  says: 'goes by a hash of it and the trace id, as the Collector does; left out, by the randomness',
  expected: 'a text',
  read: (value) => (typeof value === 'string' ? value : undefined),
};

/**
 * Keeps a fair share of all traces: those whose randomness reaches the threshold of `percent`. The randomness belongs
 * to the trace, so every gateway and every restart agrees, and a larger share contains every smaller one. Source:
 * OpenTelemetry specification, "TraceState: Probability Sampling", consistent sampling.
 */
export const probabilistic = kind({
  type: 'probabilistic',
  says: 'a share of all traces, by their own randomness',
  parameters: { sampling_percentage: number('the share in per cent', 0, 100), hash_salt: optional(salt, '') },
  compile: ({ sampling_percentage: percent, hash_salt: salt }) => ({
    op: 'share',
    share: percent / 100,
    ...(salt !== '' && { salt }),
  }),
});
