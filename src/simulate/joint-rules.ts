import { compileRules } from '../decide/compile.ts';
import { ConditionsBuilder } from '../decide/conditions.ts';
import { rulesOf } from '../decide/tenant-rules.ts';
import type { SpanConditions } from '../model/conditions.ts';
import type { KeyOptions, PolicyState, TraceKeys } from '../model/predicates.ts';
import type { Problem, RulesDocument } from '../model/rules.ts';
import type { PolicySet } from '../model/verdict.ts';

/** Where rules are tried: as a gateway would have them. */
export interface RulesPlace {
  readonly environment: string;
  /** TRACE_DEBUG. */
  readonly debug: boolean;
  /** The tenant's name; '' where there is one alone. */
  readonly tenant: string;
  /** How many gateways share the fleet's targets, of whose traces these are a part; 1 where they are all. */
  readonly members?: number;
}

/** Rules that are tried, compiled. */
export interface TriedRules {
  readonly set: PolicySet;
  /** Names of policies that remember something, such as rates: what they say depends on what came before. */
  readonly stateful: readonly string[];
  /** Where its policies find the keys of the trace that is being judged, in the order of `keys`. */
  readonly keyValues: number[];
}

/** What was wrong with one of several documents. */
export class RulesProblems extends Error {
  override readonly name = 'RulesProblems';
  readonly index: number;
  readonly problems: readonly Problem[];

  constructor(index: number, problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join('; '));
    this.index = index;
    this.problems = problems;
  }
}

/**
 * Several rules documents that are asked of the same spans in one pass: their conditions are the same where they ask the
 * same. Whoever compiles the same documents in the same order gets the same bits. Throws RulesProblems.
 */
export function compileJointly(
  documents: readonly RulesDocument[],
  place: RulesPlace,
): {
  readonly conditions: SpanConditions;
  readonly tried: readonly TriedRules[];
  /** What they tell traces apart by, each once. */
  readonly keys: readonly KeyOptions[];
  add(document: RulesDocument): TriedRules;
} {
  const builder = new ConditionsBuilder();
  const keys: KeyOptions[] = [];
  builder.askTimes();
  const compile = (document: RulesDocument, index: number): TriedRules => {
    const state = new TrialState(keys, place.members);
    const own = rulesOf(document, place.tenant);
    const result = compileRules(own, place.environment, { debug: place.debug, state, conditions: builder });
    if ('problems' in result) throw new RulesProblems(index, result.problems);
    return {
      set: result.policies,
      stateful: own.policies.filter(state.isOf).map(({ name }) => name),
      keyValues: state.keyValues,
    };
  };
  const tried = documents.map(compile);
  return { conditions: builder.build(), tried, keys, add: (document) => compile(document, documents.length) };
}

/** What policies remember while they are tried: nothing of what they remember in force. */
class TrialState implements PolicyState {
  readonly shards = 1;
  readonly members: Int32Array;
  readonly keyValues: number[] = [];
  readonly #states = new Map<string, unknown>();
  readonly #keys: KeyOptions[];

  constructor(keys: KeyOptions[], members = 1) {
    this.members = Int32Array.of(members);
    this.#keys = keys;
  }

  of<T>(identity: string, open: () => T): T {
    const known = this.#states.get(identity) ?? open();
    this.#states.set(identity, known);
    return known as T;
  }

  shared(identity: string, words: number): Int32Array {
    return this.of(`shared ${identity}`, () => new Int32Array(new SharedArrayBuffer(words * 4)));
  }

  /** Spans are not there when traces are judged: what is asked of them was gathered before. */
  keys(options: KeyOptions): TraceKeys {
    const { attributes, shape, from } = options;
    const same = (each: KeyOptions): boolean => JSON.stringify(each) === JSON.stringify({ attributes, shape, from });
    const found = this.#keys.findIndex(same);
    const at = found >= 0 ? found : this.#keys.push({ attributes, shape, from }) - 1;
    return { of: () => this.keyValues[at] };
  }

  /** Did a policy, or one inside of it, ask for a state? Both do so by what it says. */
  readonly isOf = (policy: unknown): boolean => {
    const text = JSON.stringify(policy);
    return [...this.#states.keys()].some((identity) => identity.includes(text));
  };
}
