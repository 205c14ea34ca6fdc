import { bytesOf, Row } from '../buffer/slices.ts';
import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import { decide, undecided } from '../decide/decide.ts';
import { type Decisions, unremembered } from '../decide/decisions.ts';
import type { RequestScan } from '../decode/scan.ts';
import { randomnessBit, rootBit } from '../model/conditions.ts';
import { type Trigger, triggers } from '../model/outcome.ts';
import { emptyStamp } from '../model/stamp.ts';
import type { TraceFacts } from '../model/verdict.ts';
import type { Emission, Piece } from './emission.ts';
import type { Ledger } from './ledger.ts';
import { localRoot } from './local-root.ts';
import type { OverloadWatch } from './overload-watch.ts';
import { policyName, type Revision, type Revisions, rowOf } from './revision.ts';

interface JudgeParts {
  readonly buffer: TraceBuffer;
  readonly scan: RequestScan;
  readonly decisions: Decisions;
  readonly emission: Emission;
  readonly revisions: Revisions;
  readonly ledger: Ledger;
  readonly overload: OverloadWatch;
}

/** What a span costs that is scanned again, beside its bytes, in bytes that are looked through: 0.3 µs. */
const readingBytes = 50;

/** Spans that are looked at for the local root of a trace without a root: 3 ms. */
const mostSearched = 4096;

/** Ends a trace's wait: facts → verdict → remembered → counted → emitted or not → released. */
export class Judge {
  readonly #parts: JudgeParts;
  readonly #facts: TraceFacts = { bits: 0, randomnessHigh: 0, randomnessLow: 0, spans: 0, bytes: 0 };
  readonly #verdict = undecided();
  readonly #about = unremembered();
  readonly #piece: Piece = {
    slot: -1,
    row: -1,
    stamp: emptyStamp(),
    toMark: -1,
    marked: false,
    counted: 0,
    outcome: 'kept',
    traces: 1,
  };
  readonly triggers: Record<Trigger, number> = { wait: 0, root: 0, size: 0, full: 0, shutdown: 0 };

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  isComplete(slot: number): boolean {
    const { traces } = this.#parts.buffer;
    return (traces.page(slot)[traces.at(slot) + Trace.bits] & rootBit) !== 0;
  }

  judge(slot: number, trigger: Trigger, now: number): void {
    const { buffer, decisions, revisions, ledger, overload } = this.#parts;
    const revision = revisions.current;
    const words = buffer.traces.page(slot);
    const at = buffer.traces.at(slot);
    if (words[at + Trace.conditions] !== revision.conditions) this.#rescan(words, at, revision);
    this.#gather(words, at);
    const verdict = this.#verdict;
    const { spans } = this.#facts;
    decide(revision.set, this.#facts, verdict, overload.floor);
    const complete = (words[at + Trace.bits] & rootBit) !== 0;
    const about = this.#about;
    about.trigger = triggers.indexOf(trigger);
    about.complete = complete;
    about.revision = revision.number;
    about.spans = spans;
    about.bytes = this.#facts.bytes;
    about.firstSpanAt = buffer.firstSpanAt(slot);
    about.decidedAt = now;
    decisions.remember(words, at, verdict, about);
    this.triggers[trigger]++;
    const row = rowOf(revision, verdict.policy);
    buffer.unlist(slot);
    if (verdict.keep) this.#emit(slot, row, complete, now);
    else {
      ledger.add(row, 'dropped', spans, 1);
      buffer.free(slot);
    }
  }

  #gather(words: Int32Array, at: number): void {
    const facts = this.#facts;
    const bits = words[at + Trace.bits];
    const explicit = (bits & randomnessBit) !== 0;
    facts.bits = bits;
    facts.randomnessHigh = explicit ? words[at + Trace.randomnessHigh] : words[at + Trace.idC] & 0xffffff;
    facts.randomnessLow = (explicit ? words[at + Trace.randomnessLow] : words[at + Trace.idD]) >>> 0;
    facts.spans = words[at + Trace.spans];
    facts.bytes = words[at + Trace.bytes] >>> 0;
  }

  /** Rules changed while the trace waited: its slices are asked again, so that one revision judges all of it. */
  #rescan(words: Int32Array, at: number, revision: Revision): void {
    const { buffer, scan, emission } = this.#parts;
    emission.charge((words[at + Trace.bytes] >>> 0) + words[at + Trace.spans] * readingBytes);
    let bits = words[at + Trace.bits] & (rootBit | randomnessBit);
    for (let row = words[at + Trace.head]; row >= 0; ) {
      const page = buffer.slices.words(row);
      const r = buffer.slices.at(row);
      const bytes = buffer.bytesAt(row);
      bits |= scan.rescan(
        bytes,
        page[r + Row.start],
        page[r + Row.start] + bytesOf(page[r + Row.length]),
        revision.set.conditions,
      );
      row = page[r + Row.next];
    }
    words[at + Trace.bits] = bits;
    words[at + Trace.conditions] = revision.conditions;
  }

  #emit(slot: number, counted: number, complete: boolean, now: number): void {
    const { buffer, emission, revisions } = this.#parts;
    const revision = revisions.current;
    const head = buffer.headOf(slot);
    const piece = this.#piece;
    const { stamp } = piece;
    stamp.thresholdHigh = this.#verdict.thresholdHigh;
    stamp.thresholdLow = this.#verdict.thresholdLow;
    stamp.policy = policyName(revision, this.#verdict.policy);
    stamp.revision = revision.name;
    stamp.incomplete = !complete;
    piece.slot = slot;
    piece.row = head;
    piece.toMark = complete ? -1 : this.#localRoot(head);
    piece.marked = false;
    piece.counted = counted;
    emission.emit(piece, now);
  }

  /** Sought among the first spans only: a trace of a hundred thousand would hold up all others for a mark. */
  #localRoot(head: number): number {
    const { buffer } = this.#parts;
    const { slices } = buffer;
    const spans: [Uint8Array, number, number][] = [];
    for (let row = head; row >= 0 && spans.length < mostSearched; row = slices.words(row)[slices.at(row) + Row.next]) {
      const page = slices.words(row);
      const start = page[slices.at(row)];
      spans.push([buffer.bytesAt(row), start, start + bytesOf(page[slices.at(row) + Row.length])]);
    }
    return localRoot(spans);
  }
}
