import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import { Decision, type Decisions, keepFlag, policyOf, wayOf } from '../decide/decisions.ts';
import { nameOfWay, ways } from '../model/brought-back.ts';
import { Slice, type SliceRows } from '../model/slice.ts';
import { emptyStamp } from '../model/stamp.ts';
import { type BroughtBack, fromWindow } from './brought-back.ts';
import type { Emission, Piece } from './emission.ts';
import type { Emitter } from './emit.ts';
import type { Ledger } from './ledger.ts';
import { policyName, type Revisions, rowOf } from './revision.ts';

interface LateParts {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly revisions: Revisions;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly emission: Emission;
  readonly broughtBack: BroughtBack;
}

/**
 * Spans of traces whose verdict is remembered: they follow it, with its policy and its weight. They are written at once
 * as long as the step's work allows; what is beyond it is held in the buffer, and leaves in its turn.
 */
export class Late {
  readonly #parts: LateParts;
  /** The decision whose spans are being written, or held, or -1. */
  #open = -1;
  readonly #piece: Piece = {
    slot: -1,
    row: -1,
    stamp: { ...emptyStamp(), late: true },
    toMark: 0,
    marked: false,
    counted: 0,
    outcome: 'late_kept',
    traces: 0,
  };

  constructor(parts: LateParts) {
    this.#parts = parts;
  }

  /** Forwards, holds or drops one late slice, the one at rows[row …], of the trace with the decision at `slot`. */
  take(slot: number, slices: SliceRows, row: number, now: number): void {
    const { decisions, ledger, emitter, emission, broughtBack } = this.#parts;
    const words = decisions.records.page(slot);
    const at = decisions.records.at(slot);
    const first = words[at + Decision.lateSpans]++ === 0 ? 1 : 0;
    const isDropped = (words[at + Decision.flags] & keepFlag) === 0;
    if (isDropped) broughtBack.rescues(slot, slices, row, now);
    const flags = words[at + Decision.flags];
    const counted = this.#rowOf(flags, words[at + Decision.revision]);
    if ((flags & keepFlag) === 0 || !this.#lets(flags, slices, row, now)) {
      ledger.add(counted, 'late_dropped', 1, first);
      return;
    }
    if (slot !== this.#open) this.#begin(slot, counted, now);
    this.#piece.traces += first;
    if (this.#piece.slot >= 0 || emission.isBehind) {
      this.#hold(slices, row, now);
      return;
    }
    const opened = !this.#piece.marked;
    if (opened) emitter.begin(now);
    this.#piece.marked = true;
    const written = emitter.slice(slices.bytes, slices.rows, row, this.#piece.stamp, opened);
    ledger.add(counted, written ? 'late_kept' : 'lost', 1, this.#piece.traces);
    this.#piece.traces = 0;
  }

  #rowOf(flags: number, number: number): number {
    const { revisions, broughtBack } = this.#parts;
    if (wayOf(flags) > 0) return broughtBack.row(ways[wayOf(flags) - 1]);
    const revision = revisions.get(number);
    return revision === undefined ? revisions.current.noneRow : rowOf(revision, policyOf(flags));
  }

  /** A span out of the window may leave where its trace is brought back, and it has not left already. */
  #lets(flags: number, slices: SliceRows, row: number, now: number): boolean {
    return wayOf(flags) > 0 ? this.#parts.broughtBack.lets(slices, row, now) : slices.conditions !== fromWindow;
  }

  /** The request ends, or another trace begins: what is late next is another piece. */
  end(now: number): void {
    if (this.#open < 0) return;
    const { emitter, emission, buffer } = this.#parts;
    const piece = this.#piece;
    this.#open = -1;
    if (piece.slot < 0) {
      emitter.end();
      return;
    }
    piece.row = buffer.headOf(piece.slot);
    emission.emit(piece, now);
  }

  #begin(slot: number, counted: number, now: number): void {
    this.end(now);
    const { decisions, revisions } = this.#parts;
    const words = decisions.records.page(slot);
    const at = decisions.records.at(slot);
    const revision = revisions.get(words[at + Decision.revision]);
    const piece = this.#piece;
    decisions.recallWeight(slot, piece.stamp);
    const flags = words[at + Decision.flags];
    const way = ways[wayOf(flags) - 1];
    piece.stamp.rescued = way !== undefined;
    const ofPolicy = revision === undefined ? '' : policyName(revision, policyOf(flags));
    piece.stamp.policy = way === undefined ? ofPolicy : nameOfWay[way];
    piece.stamp.revision = revision?.name ?? '';
    piece.slot = -1;
    piece.toMark = 0;
    piece.marked = false;
    piece.counted = counted;
    piece.traces = 0;
    this.#open = slot;
  }

  /** The slice stays where it landed, in a record of its own that only the emission knows. */
  #hold({ rows, segment, conditions }: SliceRows, row: number, now: number): void {
    const { buffer, emitter } = this.#parts;
    const piece = this.#piece;
    if (piece.slot < 0) {
      // What was written of it before is a unit of its own.
      if (piece.marked) emitter.end();
      piece.slot = buffer.hold(rows, row + Slice.traceIdA, conditions, now);
    }
    buffer.append(piece.slot, segment, rows, row, 0);
  }
}
