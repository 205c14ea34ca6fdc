import { byOverload, type PolicySet } from '../model/verdict.ts';
import type { Ledger } from './ledger.ts';

/** A policy set in force, or once in force, with what counting and explaining need of it. */
export interface Revision {
  /** Counts up with every change of rules; decisions remember it. */
  readonly number: number;
  /** The operator's name for it, e.g. `file-1a2b3c4d`. */
  readonly name: string;
  readonly set: PolicySet;
  /** Counts up when the conditions changed: spans scanned under other conditions must be scanned again. */
  readonly conditions: number;
  /** The ledger's row of each policy, and the row of "no policy". */
  readonly rows: readonly number[];
  readonly noneRow: number;
  readonly overloadRow: number;
}

/** Rules compiled, with the operator's name for them. */
export interface NamedRules {
  readonly set: PolicySet;
  readonly name: string;
}

/** What counts where no policy had a say. */
export const noPolicy = 'none';
/** What counts where a policy kept, and there was too much to keep. */
export const overload = 'overload';

/** The row that a decision counts in, by the index of its policy. */
export function rowOf({ rows, noneRow, overloadRow }: Revision, policy: number): number {
  if (policy === byOverload) return overloadRow;
  // An array asked for its member -1 looks for a property of that name, for longer than a decision takes.
  return policy < 0 ? noneRow : (rows[policy] ?? noneRow);
}

/** The name of a decision's policy. */
export function policyName({ set }: Revision, policy: number): string {
  return policy === byOverload ? overload : (set.policies[policy]?.name ?? noPolicy);
}

/** Revisions that remembered decisions may still name. */
const maxRemembered = 1024;

export class Revisions {
  readonly #ledger: Ledger;
  readonly #byNumber = new Map<number, Revision>();
  current: Revision;

  constructor(rules: NamedRules, ledger: Ledger) {
    this.#ledger = ledger;
    this.current = this.#make(rules, 0, 0);
  }

  /** Puts rules in force by one assignment; traces that wait will be judged wholly by them. */
  swap(rules: NamedRules): void {
    const { number, conditions, set: old } = this.current;
    const same = old.conditions.identity === rules.set.conditions.identity;
    this.current = this.#make(rules, number + 1, same ? conditions : conditions + 1);
  }

  /** A revision by number; undefined when it is too long ago. */
  get(number: number): Revision | undefined {
    return this.#byNumber.get(number);
  }

  #make({ set, name }: NamedRules, number: number, conditions: number): Revision {
    const rows = set.policies.map((policy) => this.#ledger.row(policy.name));
    const [noneRow, overloadRow] = [this.#ledger.row(noPolicy), this.#ledger.row(overload)];
    const revision = { number, name, set, conditions, rows, noneRow, overloadRow };
    this.#byNumber.set(number, revision);
    this.#byNumber.delete(number - maxRemembered);
    return revision;
  }
}
