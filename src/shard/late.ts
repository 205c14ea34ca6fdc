import { Decision, type Decisions, keepFlag, policyOf } from '../decide/decisions.ts';
import { emptyStamp } from '../model/stamp.ts';
import type { Emitter } from './emit.ts';
import type { Ledger } from './ledger.ts';
import type { Revisions } from './revision.ts';

/** Spans of traces whose verdict is remembered: they follow it, with its policy and its weight, and never wait. */
export class Late {
  readonly #decisions: Decisions;
  readonly #revisions: Revisions;
  readonly #ledger: Ledger;
  readonly #emitter: Emitter;
  readonly #stamp = { ...emptyStamp(), late: true };
  /** The decision whose spans are being emitted, or -1. */
  #open = -1;

  constructor(decisions: Decisions, revisions: Revisions, ledger: Ledger, emitter: Emitter) {
    this.#decisions = decisions;
    this.#revisions = revisions;
    this.#ledger = ledger;
    this.#emitter = emitter;
  }

  /** Forwards or drops one late slice, the one at rows[row …], of the trace with the decision at `slot`. */
  take(slot: number, buf: Uint8Array, rows: Int32Array, row: number, now: number): void {
    const words = this.#decisions.records.page(slot);
    const at = this.#decisions.records.at(slot);
    const first = words[at + Decision.lateSpans]++ === 0 ? 1 : 0;
    const flags = words[at + Decision.flags];
    const policy = policyOf(flags);
    const revision = this.#revisions.get(words[at + Decision.revision]);
    const counted = revision === undefined || policy < 0 ? this.#revisions.current.noneRow : revision.rows[policy];
    if ((flags & keepFlag) === 0) {
      this.#ledger.add(counted, 'late_dropped', 1, first);
      return;
    }
    const opened = slot !== this.#open;
    if (opened) this.#begin(slot, now);
    const failed = this.#emitter.failed;
    this.#emitter.slice(buf, rows, row, this.#stamp, opened);
    this.#ledger.add(counted, this.#emitter.failed > failed ? 'lost' : 'late_kept', 1, first);
  }

  /** The request ends, or another trace begins: what is late next is another piece. */
  end(): void {
    if (this.#open >= 0) this.#emitter.end();
    this.#open = -1;
  }

  #begin(slot: number, now: number): void {
    this.end();
    const words = this.#decisions.records.page(slot);
    const at = this.#decisions.records.at(slot);
    const revision = this.#revisions.get(words[at + Decision.revision]);
    this.#stamp.thresholdHigh = words[at + Decision.thresholdHigh];
    this.#stamp.thresholdLow = words[at + Decision.thresholdLow] >>> 0;
    this.#stamp.policy = revision?.set.policies[policyOf(words[at + Decision.flags])]?.name ?? '';
    this.#stamp.revision = revision?.name ?? '';
    this.#open = slot;
    this.#emitter.begin(now);
  }
}
