import type { PolicyDocument, Problem, StatusCodeName } from '../../model/rules.ts';
import type { BitsPolicy, Policy, SharePolicy } from '../../model/verdict.ts';
import type { ConditionsBuilder } from '../conditions.ts';
import { probabilistic } from './probabilistic.ts';

/** Keeps traces in which some span answers yes to a condition. */
export const whereBit = (name: string, bit: number): BitsPolicy => ({
  name,
  thresholdHigh: 0,
  thresholdLow: 0,
  bits: bit,
});

export const always = (name: string): SharePolicy => ({ name, thresholdHigh: 0, thresholdLow: 0, share: true });

/** Compiles one kind of policy, or says what is wrong with its block; paths start inside the policy. */
type Compile = (policy: PolicyDocument, conditions: ConditionsBuilder) => Policy | readonly Problem[];

const statusNames = ['ERROR', 'OK', 'UNSET'];

/** THE TABLE of kinds, by their names in the collector's tail_sampling syntax: one row a kind. */
export const kinds: Readonly<Record<string, Compile>> = {
  always_sample: (policy) => always(policy.name),

  status_code: (policy, conditions) => {
    const codes = (policy.status_code as { status_codes?: unknown } | undefined)?.status_codes;
    if (Array.isArray(codes) && codes.length > 0 && codes.every((code) => statusNames.includes(code as string))) {
      return whereBit(policy.name, conditions.status(codes as StatusCodeName[]));
    }
    const message = `expected a list of ${statusNames.join(', ')} (upper case, at least one)`;
    return [{ path: ['status_code', 'status_codes'], message }];
  },

  probabilistic: (policy) => {
    const percent = (policy.probabilistic as { sampling_percentage?: unknown } | undefined)?.sampling_percentage;
    if (typeof percent === 'number' && percent >= 0 && percent <= 100) return probabilistic(policy.name, percent);
    return [{ path: ['probabilistic', 'sampling_percentage'], message: 'expected a number from 0 to 100' }];
  },
};
