import { type Outcome, outcomes } from '../model/outcome.ts';

/**
 * The books: how many spans and traces left in which way, by the policy that decided it. A row a policy name; rows are
 * made when rules are put in force, so that counting is two additions.
 */
export class Ledger {
  readonly #names: string[] = [];
  #spans = new Float64Array(0);
  #traces = new Float64Array(0);

  /** The row of a policy, for `add`. */
  row(policy: string): number {
    const known = this.#names.indexOf(policy);
    if (known >= 0) return known;
    const row = this.#names.push(policy) - 1;
    this.#spans = grown(this.#spans, this.#names.length * outcomes.length);
    this.#traces = grown(this.#traces, this.#names.length * outcomes.length);
    return row;
  }

  add(row: number, outcome: Outcome, spans: number, traces: number): void {
    const at = row * outcomes.length + outcomes.indexOf(outcome);
    this.#spans[at] += spans;
    this.#traces[at] += traces;
  }

  /** Every outcome of every policy that occurred. */
  entries(): { outcome: Outcome; policy: string; spans: number; traces: number }[] {
    return this.#names.flatMap((policy, row) =>
      outcomes.flatMap((outcome, i) => {
        const at = row * outcomes.length + i;
        const spans = this.#spans[at];
        const traces = this.#traces[at];
        return spans > 0 || traces > 0 ? [{ outcome, policy, spans, traces }] : [];
      }),
    );
  }
}

function grown(old: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(length);
  next.set(old);
  return next;
}
