import { type Verdict, voteWords } from '../model/verdict.ts';
import type { TriedRules } from './joint-rules.ts';
import { Column, Part, type TraceTable } from './trace-table.ts';

/** Traces, and all of their spans, late ones too; bytes of spans as they came. */
export interface Amount {
  traces: number;
  spans: number;
  bytes: number;
}

export const noAmount = (): Amount => ({ traces: 0, spans: 0, bytes: 0 });

/** What one policy does. */
export interface PolicyTally {
  readonly policy: string;
  /** Traces that it votes on. */
  votes: number;
  /** Traces that it decides. */
  readonly decides: Amount;
  /** Of the traces that it votes to keep, those that are kept and that no other policy would keep. */
  readonly alone: Amount;
  /** Traces that it drops although another policy would keep them. */
  overrules: number;
}

/** What rules keep of all traces. */
export class Tally {
  readonly kept = noAmount();
  readonly policies: readonly PolicyTally[];
  /** By the number of the service. */
  readonly services: Amount[] = [];
  readonly #table: TraceTable;

  constructor({ set }: TriedRules, table: TraceTable) {
    this.#table = table;
    const tally = ({ name }: { name: string }): PolicyTally => ({
      policy: name,
      votes: 0,
      decides: noAmount(),
      alone: noAmount(),
      overrules: 0,
    });
    this.policies = set.policies.map(tally);
  }

  add(at: number, verdict: Verdict): void {
    const { keepVotes, dropVotes, keep, policy } = verdict;
    const size = sizeAt(this.#table, at);
    let keepers = 0;
    for (const votes of [keepVotes, dropVotes]) {
      for (let word = 0; word < voteWords; word++)
        for (let bits = votes[word]; bits !== 0; bits &= bits - 1) {
          this.policies[word * 32 + 31 - Math.clz32(bits & -bits)].votes++;
          if (votes === keepVotes) keepers++;
        }
    }
    if (policy >= 0) addAmount(this.policies[policy].decides, size);
    if (!keep && policy >= 0 && keepers > 0) this.policies[policy].overrules++;
    if (!keep) return;
    addAmount(this.kept, size);
    if (keepers === 1) addAmount(this.policies[policy].alone, size);
    addServices(this.services, this.#table, at);
  }
}

export function addServices(services: Amount[], { rows, parts }: TraceTable, at: number): void {
  for (let part = rows[at + Column.parts]; part >= 0; part = parts[part + Part.next]) {
    const amount = (services[parts[part + Part.service]] ??= noAmount());
    amount.traces++;
    amount.spans += parts[part + Part.spans];
    amount.bytes += parts[part + Part.bytes] >>> 0;
  }
}

const one = noAmount();

/** Of one trace; the object is reused. */
export function sizeAt({ rows, parts }: TraceTable, at: number): Readonly<Amount> {
  one.traces = 1;
  one.spans = one.bytes = 0;
  for (let part = rows[at + Column.parts]; part >= 0; part = parts[part + Part.next]) {
    one.spans += parts[part + Part.spans];
    one.bytes += parts[part + Part.bytes] >>> 0;
  }
  return one;
}

export function addAmount(to: Amount, { traces, spans, bytes }: Readonly<Amount>): void {
  to.traces += traces;
  to.spans += spans;
  to.bytes += bytes;
}
