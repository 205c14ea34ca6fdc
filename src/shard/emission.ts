import { isRoot, Row } from '../buffer/slices.ts';
import type { TraceBuffer } from '../buffer/trace-buffer.ts';
import type { Outcome } from '../model/outcome.ts';
import type { Stamp } from '../model/stamp.ts';
import type { Emitter } from './emit.ts';
import type { Ledger } from './ledger.ts';

/** A trace that is kept, or late spans of one, on their way out. */
export interface Piece {
  /** Its record in the buffer, which nothing else points to any more. */
  slot: number;
  /** The row of the slice that is next. */
  row: number;
  stamp: Stamp;
  /** Which span gets the marks: the first root, or where this is not negative, the one so many rows on. */
  toMark: number;
  marked: boolean;
  /** Where it is counted in the books, and how. */
  counted: number;
  outcome: Outcome;
  /** As how many traces it counts when all of it has left. */
  traces: number;
}

/**
 * Kept traces on their way from the buffer to the batch. Writing a span can cost a thousand times what its bytes let
 * expect, where rules search its texts; so a step has so much work, and what does not fit waits in the buffer for the
 * next ones, first come first served. A span waits until it is written.
 */
export class Emission {
  readonly #buffer: TraceBuffer;
  readonly #emitter: Emitter;
  readonly #ledger: Ledger;
  readonly #behind: Piece[] = [];
  /** The first of those that are behind; what stands before it has left. */
  #first = 0;
  /** The first one's first spans are in the batch already. */
  #isBegun = false;

  constructor(buffer: TraceBuffer, emitter: Emitter, ledger: Ledger) {
    this.#buffer = buffer;
    this.#emitter = emitter;
    this.#ledger = ledger;
  }

  /** Pieces that wait for work: nothing else may be written before them. */
  get isBehind(): boolean {
    return !this.isIdle || this.#emitter.isSpent;
  }

  /** Whether there is nothing on its way. */
  get isIdle(): boolean {
    return this.#first === this.#behind.length;
  }

  /** The step has done other work, worth so many bytes that are looked through. */
  charge(bytes: number): void {
    this.#emitter.charge(bytes);
  }

  /** Emits what it can of a piece, which stays its caller's to use again, and the rest in later steps. */
  emit(piece: Piece, now: number): void {
    if (!this.isBehind) {
      this.#emitter.begin(now);
      if (this.#run(piece)) return;
      this.#isBegun = true;
    }
    this.#behind.push({ ...piece, stamp: { ...piece.stamp } });
  }

  /** A new step: at least one span of what is behind, and as much as its work allows. */
  step(now: number): void {
    this.#emitter.refill();
    if (this.isIdle) return;
    do {
      if (this.#isBegun) this.#emitter.resume();
      else this.#emitter.begin(now);
      this.#isBegun = true;
      if (!this.#run(this.#behind[this.#first])) return;
      this.#isBegun = false;
      this.#first++;
    } while (!this.isIdle && !this.#emitter.isSpent);
    // Now and then, so that what is behind for long costs no more than there is of it.
    if (this.#first * 2 < this.#behind.length) return;
    this.#behind.splice(0, this.#first);
    this.#first = 0;
  }

  /** True when all of the piece was written; then its place is given back. What was written is counted either way. */
  #run(piece: Piece): boolean {
    const { slices } = this.#buffer;
    const { slot, stamp, counted, outcome } = piece;
    let spans = 0;
    let lost = 0;
    do {
      const page = slices.words(piece.row);
      const r = slices.at(piece.row);
      const mark: boolean = !piece.marked && (piece.toMark < 0 ? isRoot(page[r + Row.length]) : piece.toMark === 0);
      if (!this.#emitter.slice(this.#buffer.bytesAt(piece.row), page, r, stamp, mark)) lost++;
      spans++;
      piece.marked ||= mark;
      if (piece.toMark >= 0) piece.toMark--;
      piece.row = page[r + Row.next];
    } while (piece.row >= 0 && !this.#emitter.isSpent);
    const isDone = piece.row < 0;
    this.#ledger.add(counted, outcome, spans - lost, isDone ? piece.traces : 0);
    if (lost > 0) this.#ledger.add(counted, 'lost', lost, 0);
    this.#buffer.countOut(slot, spans);
    if (!isDone) return false;
    this.#emitter.end();
    this.#buffer.free(slot);
    return true;
  }
}
