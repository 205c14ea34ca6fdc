import type { PolicyDocument, Problem, StatusCodeName } from '../../model/rules.ts';
import type { BitsPolicy, Policy, SharePolicy } from '../../model/verdict.ts';
import { closest, unknownKey } from '../../units.ts';
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

/** One kind of policy. */
interface Kind {
  /** What its block, called as the kind is, may hold; none where the kind has no block. */
  readonly keys: readonly string[];
  /** Compiles a policy of this kind, or says what is wrong with its block; paths start inside the policy. */
  readonly compile: (policy: PolicyDocument, conditions: ConditionsBuilder) => Policy | readonly Problem[];
}

const statusNames = ['ERROR', 'OK', 'UNSET'];

/** THE TABLE of kinds, by their names in the collector's tail_sampling syntax: one row a kind. */
export const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['always_sample', { keys: [], compile: (policy) => always(policy.name) }],

  [
    'status_code',
    {
      keys: ['status_codes'],
      compile: (policy, conditions) => {
        const codes = setting(policy, 'status_code', 'status_codes');
        if (Array.isArray(codes) && codes.length > 0 && codes.every((code) => statusNames.includes(code as string))) {
          return whereBit(policy.name, conditions.status(codes as StatusCodeName[]));
        }
        const message = `expected a list of ${statusNames.join(', ')} (upper case, at least one)`;
        return [{ path: ['status_code', 'status_codes'], message }];
      },
    },
  ],

  [
    'probabilistic',
    {
      keys: ['sampling_percentage'],
      compile: (policy) => {
        const percent = setting(policy, 'probabilistic', 'sampling_percentage');
        if (typeof percent === 'number' && percent >= 0 && percent <= 100) return probabilistic(policy.name, percent);
        return [{ path: ['probabilistic', 'sampling_percentage'], message: 'expected a number from 0 to 100' }];
      },
    },
  ],
]);

/** What the Collector has and we do not: said rather than guessed. */
const foreign: Readonly<Record<string, string>> = {
  hash_salt: "not supported: the trace's own randomness decides, alike on every gateway; leave it out",
};

/** Keys of a policy and of its block that its kind does not have: each would otherwise be passed over in silence. */
export function strayKeys(policy: PolicyDocument, { keys }: Kind): Problem[] {
  const { type } = policy;
  const own = ['name', 'type', ...(keys.length > 0 ? [type] : [])];
  const block = Object.hasOwn(policy, type) && own.includes(type) ? policy[type] : undefined;
  const inBlock = typeof block === 'object' && block !== null && !Array.isArray(block) ? Object.keys(block) : [];
  return [
    ...Object.keys(policy)
      .filter((key) => !own.includes(key))
      .map((key) => stray([key], key, own)),
    ...inBlock.filter((key) => !keys.includes(key)).map((key) => stray([type, key], key, keys)),
  ];
}

function stray(path: readonly string[], key: string, known: readonly string[]): Problem {
  const message = Object.hasOwn(foreign, key) ? foreign[key]! : unknownKey(key, known);
  return { path, message };
}

/** What a policy's block says of `key`, of whatever type. */
function setting(policy: PolicyDocument, block: string, key: string): unknown {
  const values: unknown = Object.hasOwn(policy, block) ? policy[block] : undefined;
  return typeof values === 'object' && values !== null && Object.hasOwn(values, key)
    ? (values as Record<string, unknown>)[key]
    : undefined;
}

/** What is wrong with a type that this version does not know; empty for one that it does. */
export function whyUnknown(type: string): string {
  if (kinds.has(type)) return '';
  const meant = closest(type, [...kinds.keys()]);
  const hint = meant ? `did you mean ${meant}?` : `this version knows ${[...kinds.keys()].join(', ')}`;
  return `unknown policy type '${type.slice(0, 60)}'; ${hint}`;
}
