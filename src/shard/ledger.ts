import { type Outcome, outcomes } from '../model/outcome.ts';
import type { OutcomeCount } from '../model/stats.ts';
import { hexOf } from '../model/trace-id.ts';

/**
 * The books: how many spans and traces left in which way, by the policy that decided it. A row a policy name; rows are
 * made when rules are put in force, so that counting is two additions. Of each policy it knows the trace that it kept
 * last, for whoever wants to see one.
 */
export class Ledger {
  readonly #names: string[] = [];
  #spans = new Float64Array(0);
  #traces = new Float64Array(0);
  /** By row: four words of the id, and when it was kept, in monotonic ms; 0 = none was. */
  #lastIds = new Int32Array(0);
  #lastAt = new Float64Array(0);

  /** The row of a policy, for `add`. */
  row(policy: string): number {
    const known = this.#names.indexOf(policy);
    if (known >= 0) return known;
    const row = this.#names.push(policy) - 1;
    this.#spans = grown(this.#spans, new Float64Array(this.#names.length * outcomes.length));
    this.#traces = grown(this.#traces, new Float64Array(this.#names.length * outcomes.length));
    this.#lastIds = grown(this.#lastIds, new Int32Array(this.#names.length * 4));
    this.#lastAt = grown(this.#lastAt, new Float64Array(this.#names.length));
    return row;
  }

  add(row: number, outcome: Outcome, spans: number, traces: number): void {
    const at = row * outcomes.length + outcomes.indexOf(outcome);
    this.#spans[at] += spans;
    this.#traces[at] += traces;
  }

  /** The trace whose id stands at ids[at … at + 4) was kept. */
  noteKept(row: number, ids: Int32Array, at: number, now: number): void {
    for (let i = 0; i < 4; i++) this.#lastIds[row * 4 + i] = ids[at + i];
    this.#lastAt[row] = now;
  }

  /** Every outcome of every policy that occurred. */
  entries(): OutcomeCount[] {
    return this.#names.flatMap((policy, row) =>
      outcomes.flatMap((outcome, i) => {
        const at = row * outcomes.length + i;
        const spans = this.#spans[at];
        const traces = this.#traces[at];
        if (spans === 0 && traces === 0) return [];
        return [{ outcome, policy, spans, traces, ...(outcome === 'kept' && this.#lastOf(row)) }];
      }),
    );
  }

  #lastOf(row: number): Pick<OutcomeCount, 'last'> {
    const at = this.#lastAt[row];
    return at === 0 ? {} : { last: { traceId: hexOf(this.#lastIds.subarray(row * 4, row * 4 + 4)), at } };
  }
}

function grown<T extends Float64Array | Int32Array>(old: T, next: T): T {
  next.set(old);
  return next;
}
