import { bytesOf, Row } from '../buffer/slices.ts';
import { Trace, type TraceBuffer } from '../buffer/trace-buffer.ts';
import { decide, undecided } from '../decide/decide.ts';
import { type Decisions, unremembered } from '../decide/decisions.ts';
import { rootBit } from '../model/conditions.ts';
import { type Trigger, triggers } from '../model/outcome.ts';
import type { TraceFacts } from '../model/predicates.ts';
import { emptyStamp, type Stamp } from '../model/stamp.ts';
import type { PolicySet, Verdict } from '../model/verdict.ts';
import { floatBits } from '../tables/float-bits.ts';
import type { Emission, Piece } from './emission.ts';
import type { Emitter } from './emit.ts';
import { GatheredFacts } from './facts.ts';
import { FaultWatch } from './fault-watch.ts';
import type { Ledger } from './ledger.ts';
import { localRoot } from './local-root.ts';
import type { OverloadWatch } from './overload-watch.ts';
import { policyName, type Revisions, rowOf } from './revision.ts';
import { ShadowCounts } from './shadow-counts.ts';
import type { Witnesses } from './witnesses.ts';

interface JudgeParts {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly emission: Emission;
  readonly emitter: Emitter;
  readonly revisions: Revisions;
  readonly ledger: Ledger;
  readonly overload: OverloadWatch;
  readonly witnesses: Witnesses;
}

/** What a span costs that is scanned again, beside its bytes, in bytes that are looked through: 0.3 µs. */
const readingBytes = 50;

/** Spans that are looked at for the local root of a trace without a root: 3 ms. */
const mostSearched = 4096;

/** Ends a trace's wait: facts → verdict → remembered → counted → emitted or not → released. */
export class Judge {
  readonly #parts: JudgeParts;
  readonly #facts: GatheredFacts;
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
  readonly shadowCounts = new ShadowCounts();
  readonly faultWatch = new FaultWatch();
  readonly triggers: Record<Trigger, number> = { wait: 0, root: 0, size: 0, full: 0, shutdown: 0 };

  constructor(parts: JudgeParts) {
    this.#parts = parts;
    this.#facts = new GatheredFacts(parts.buffer, parts.emitter);
  }

  isComplete(slot: number): boolean {
    const { traces } = this.#parts.buffer;
    return (traces.page(slot)[traces.at(slot) + Trace.bits] & rootBit) !== 0;
  }

  judge(slot: number, trigger: Trigger, now: number): void {
    const { buffer, decisions, revisions, ledger, overload, emission } = this.#parts;
    const revision = revisions.current;
    const words = buffer.traces.page(slot);
    const at = buffer.traces.at(slot);
    const facts = this.#facts;
    const isScannedAgain = facts.gather(slot, revision, now);
    const { spans, bytes } = facts;
    if (isScannedAgain) emission.charge(bytes + spans * readingBytes);
    const looked = this.faultWatch.look(revision.set, facts);
    if (looked > 0) emission.charge(looked);
    const verdict = this.#verdict;
    decide(revision.set, facts, verdict, overload.floor);
    if (revision.set.shadow.policies.length > 0) this.shadowCounts.add(revision.set, verdict);
    const complete = (words[at + Trace.bits] & rootBit) !== 0;
    const about = this.#about;
    about.trigger = triggers.indexOf(trigger);
    about.complete = complete;
    about.revision = revision.number;
    about.spans = spans;
    about.bytes = bytes;
    about.firstSpanAt = buffer.firstSpanAt(slot);
    about.decidedAt = now;
    about.longestNs = facts.longestNs;
    about.durationNs = floatBits(facts.durationNs);
    about.witness = verdict.keep ? this.#witness(revision.set, verdict.policy) : 0;
    decisions.remember(words, at, verdict, about);
    this.triggers[trigger]++;
    const row = rowOf(revision, verdict.policy);
    buffer.unlist(slot);
    if (verdict.keep) {
      ledger.noteKept(row, words, at, now); // before its place may be given back
      this.#emit(slot, row, complete, now);
    } else {
      ledger.add(row, 'dropped', spans, 1);
      buffer.free(slot);
    }
  }

  /** Who made the policy keep the trace, as Witnesses has it. */
  #witness({ witnesses, conditions }: PolicySet, policy: number): number {
    const test = witnesses[policy];
    if (test === undefined) return 0;
    const { emitter, witnesses: names } = this.#parts;
    const span = this.#facts.witness(test, conditions);
    emitter.charge(this.#facts.lookedBytes);
    return span === undefined ? 0 : names.note(span);
  }

  #emit(slot: number, counted: number, complete: boolean, now: number): void {
    const { buffer, emission, revisions } = this.#parts;
    const revision = revisions.current;
    const head = buffer.headOf(slot);
    const piece = this.#piece;
    const { stamp } = piece;
    copyWeight(this.#verdict, this.#facts, stamp);
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

function copyWeight(verdict: Verdict, { id }: TraceFacts, stamp: Stamp): void {
  stamp.idHigh = id[2] & 0xffffff;
  stamp.idLow = id[3] >>> 0;
  stamp.thresholdHigh = verdict.thresholdHigh;
  stamp.thresholdLow = verdict.thresholdLow;
  stamp.luckFrom = verdict.luckFrom;
  stamp.luckTo = verdict.luckTo;
  stamp.randomnessHigh = verdict.randomnessHigh;
  stamp.randomnessLow = verdict.randomnessLow;
  stamp.erasesThreshold = verdict.erasesThreshold;
  stamp.exporters = verdict.exporters;
}
