import { Batch, type BatchOptions } from '../batch/batch.ts';
import type { EnvelopeWriter } from '../batch/group.ts';
import { type BufferOptions, Trace, TraceBuffer } from '../buffer/trace-buffer.ts';
import { Decisions } from '../decide/decisions.ts';
import { RequestScan, sliceWords } from '../decode/scan.ts';
import { Refusal } from '../errors.ts';
import { randomnessBit, rootBit } from '../model/conditions.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { Landing, Receipt } from '../model/intake.ts';
import type { Histogram } from '../model/stats.ts';
import type { PolicySet } from '../model/verdict.ts';
import { MalformedError } from '../wire/reader.ts';
import { Emitter, type SpanWriter } from './emit.ts';
import { explainDecided, explainWaiting, parseTraceId } from './explain.ts';
import { Judge } from './judge.ts';
import { Late } from './late.ts';
import { histogram, observe } from './lateness.ts';
import { Ledger } from './ledger.ts';
import { type NeighbourOptions, Neighbours } from './neighbours.ts';
import { noPolicy, Revisions } from './revision.ts';

export interface ShardOptions {
  readonly buffer: BufferOptions & {
    readonly maxTraceBytes: number;
    readonly onFull: 'decide_oldest' | 'refuse';
    readonly rememberedDecisions: number;
  };
  readonly batch: BatchOptions;
  /** Differs between processes, see tables/id-index.ts. */
  readonly seed: number;
  /** Where there are more shards: this one's place among them. */
  readonly neighbours?: NeighbourOptions;
}

/** From here on the oldest segments are decided early, so that there is room when it is needed; only where others must help. */
const tightShare = 0.9;
/** Spans scanned under different conditions: none of a revision's. */
const mixedConditions = -1;

/**
 * One core's whole pipeline and the sole owner of the traces that come to it: buffer → decide → enrich → batch → export. It has no
 * clock and no timer: every call says what time it is, in Unix milliseconds.
 */
export class Shard {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly ledger = new Ledger();
  readonly revisions: Revisions;
  readonly emitter: Emitter;
  readonly judge: Judge;
  readonly batch: Batch;
  readonly lateness: Histogram = histogram();
  readonly neighbours: Neighbours | undefined;
  readonly #options: ShardOptions;
  readonly #scan = new RequestScan();
  readonly #late: Late;

  constructor(
    options: ShardOptions,
    rules: { readonly set: PolicySet; readonly name: string },
    enrich: SpanWriter & EnvelopeWriter,
    emit: (request: ExportRequest) => void,
  ) {
    this.#options = options;
    this.neighbours = options.neighbours && new Neighbours(options.neighbours);
    this.buffer = new TraceBuffer(options.buffer, options.seed, this.neighbours?.lending);
    this.neighbours?.join(this.buffer);
    this.decisions = new Decisions(options.buffer.rememberedDecisions, options.seed);
    this.revisions = new Revisions(rules.set, rules.name, this.ledger);
    this.batch = new Batch(options.batch, enrich, emit);
    this.emitter = new Emitter(this.batch, enrich);
    this.#late = new Late(this.decisions, this.revisions, this.ledger, this.emitter);
    const { buffer, decisions, revisions, ledger, emitter } = this;
    this.judge = new Judge({ buffer, decisions, revisions, ledger, emitter, scan: this.#scan });
  }

  /** A place for a message, after room was made for it where `on_full` says so. */
  land(length: number, now: number): Landing | Refusal {
    const { segments } = this.buffer;
    if (length > segments.maxBytes) {
      return new Refusal(
        'too_large',
        `a request of ${length} bytes is larger than buffer.max_bytes (${segments.maxBytes})`,
      );
    }
    if (!segments.fits(length) && this.#options.buffer.onFull === 'decide_oldest') this.#makeRoom(length, now);
    if (!segments.fits(length))
      return new Refusal('buffer_full', 'the buffer is full (buffer.max_bytes): try again later');
    const segment = segments.reserve(length);
    const { bytes, used } = segments.get(segment);
    return { bytes, start: used - length, length, segment };
  }

  abandon(landing: Landing): void {
    this.#settle(landing.segment);
  }

  /** Cuts the message at `landing` into slices and hangs each to its trace; all of them or, when malformed, none. */
  accept(landing: Landing, now: number): Receipt | Refusal {
    try {
      this.#scan.run(
        landing.bytes,
        landing.start,
        landing.start + landing.length,
        this.revisions.current.set.conditions,
      );
    } catch (error) {
      this.#settle(landing.segment);
      if (error instanceof MalformedError) return new Refusal('malformed', error.message);
      throw error;
    }
    const { slices, count, invalid } = this.#scan;
    const { segment, bytes } = landing;
    const { conditions } = this.revisions.current;
    const refusal = this.neighbours?.handOver(slices, count, segment, conditions);
    if (refusal === undefined) this.#take(bytes, segment, slices, count, conditions, now, this.neighbours?.owners);
    this.#settle(segment);
    if (refusal !== undefined) return refusal;
    if (invalid > 0) this.ledger.add(this.ledger.row(noPolicy), 'invalid', invalid, 0);
    const message =
      invalid === 0 ? '' : `${invalid} spans without a valid trace id (16 bytes) and span id (8 bytes), not all zero`;
    return { spans: count + invalid, rejectedSpans: invalid, message };
  }

  /** Takes over what other shards handed over, and decides at most `limit` traces that are due; true when there may be more. */
  tick(now: number, limit: number): boolean {
    if (this.neighbours !== undefined) this.#mindNeighbours(this.neighbours, now);
    for (let n = 0; n < limit; n++) {
      const slot = this.buffer.due(now);
      if (slot < 0) {
        this.batch.tick(now);
        return false;
      }
      observe(this.lateness, this.buffer.overdue(slot, now) / 1000);
      this.judge.judge(slot, this.buffer.wasHastened(slot) ? 'root' : 'wait', now);
    }
    return true;
  }

  /** The end: decides at most `limit` of the traces that wait, due or not; true when there are more. */
  drain(now: number, limit: number): boolean {
    if (this.neighbours !== undefined) this.#mindNeighbours(this.neighbours, now);
    for (let n = 0; n < limit; n++) {
      const slot = this.buffer.first();
      if (slot < 0) {
        this.batch.flush();
        return this.neighbours?.expects ?? false;
      }
      this.judge.judge(slot, 'shutdown', now);
    }
    return true;
  }

  explain(traceId: string): Explanation | undefined {
    const id = parseTraceId(traceId);
    if (id === undefined) return undefined;
    const waiting = this.buffer.find(...id);
    if (waiting >= 0) return explainWaiting(traceId, waiting, this.buffer, this.revisions);
    const decided = this.decisions.find(...id);
    return decided < 0 ? undefined : explainDecided(traceId, decided, this.decisions, this.revisions);
  }

  #take(
    bytes: Uint8Array,
    segment: number,
    rows: Int32Array,
    count: number,
    conditions: number,
    now: number,
    owners?: Uint8Array,
  ): void {
    let trace = -1;
    for (let i = 0, row = 0; i < count; i++, row += sliceWords) {
      if (owners !== undefined && owners[i] !== this.neighbours?.self) continue;
      const a = rows[row + 4];
      const b = rows[row + 5];
      const c = rows[row + 6];
      const d = rows[row + 7];
      // Spans of one trace mostly come together; the last one's place is good for the next.
      if (trace < 0 || rows[row - 4] !== d || rows[row - 5] !== c || rows[row - 6] !== b || rows[row - 7] !== a) {
        trace = this.buffer.find(a, b, c, d);
      }
      if (trace < 0) {
        const decided = this.decisions.find(a, b, c, d);
        if (decided >= 0) {
          this.#late.take(decided, bytes, rows[row], rows[row + 1], rows[row + 2], rows[row + 3], now);
          continue;
        }
        trace = this.buffer.start(a, b, c, d, conditions, now);
      }
      if (!this.#hang(trace, segment, rows, row, conditions, now)) trace = -1;
    }
    this.#late.end();
  }

  /** Hangs one slice to its trace; false when that made the trace so large that it was decided. */
  #hang(trace: number, segment: number, rows: Int32Array, row: number, conditions: number, now: number): boolean {
    const { buffer } = this;
    const bits = rows[row + 8];
    const slice = buffer.append(trace, segment, rows[row], rows[row + 1], (bits & rootBit) !== 0);
    buffer.envelope(slice, rows[row + 2], rows[row + 3]);
    const words = buffer.traces.page(trace);
    const at = buffer.traces.at(trace);
    words[at + Trace.bits] |= bits;
    if (words[at + Trace.conditions] !== conditions) words[at + Trace.conditions] = mixedConditions;
    if ((bits & randomnessBit) !== 0) {
      words[at + Trace.randomnessHigh] = rows[row + 9];
      words[at + Trace.randomnessLow] = rows[row + 10];
    }
    if ((bits & rootBit) !== 0) buffer.hasten(trace, now);
    if (words[at + Trace.bytes] >>> 0 <= this.#options.buffer.maxTraceBytes) return true;
    this.#late.end();
    this.judge.judge(trace, 'size', now);
    return false;
  }

  #makeRoom(length: number, now: number): void {
    const { segments } = this.buffer;
    while (!segments.fits(length) && this.buffer.traces.size > 0) {
      const before = this.buffer.traces.size;
      for (const slot of this.buffer.oldest((trace) => this.judge.isComplete(trace))) {
        this.judge.judge(slot, 'full', now);
        if (segments.fits(length)) return;
      }
      if (this.buffer.traces.size === before) return;
    }
  }

  /** Other shards' slices come in; segments that only others still use are looked at again; and memory is asked back in time. */
  #mindNeighbours(neighbours: Neighbours, now: number): void {
    const { segments } = this.buffer;
    while (neighbours.takeOver(this.buffer)) {
      const { segment, rows, count, conditions } = neighbours;
      // A trace may be decided while its batch is taken over: the segment must outlast that.
      segments.get(segment).pending++;
      this.#take(segments.get(segment).bytes, segment, rows, count, conditions, now);
      this.#settle(segment);
    }
    for (let wanted = neighbours.wanted(); wanted >= 0; wanted = neighbours.wanted()) this.#decideAllIn(wanted, now);
    segments.settleLent();
    if (this.#options.buffer.onFull === 'refuse' || segments.bytes < tightShare * segments.maxBytes) return;
    for (const number of segments.oldest(2)) {
      if (segments.get(number).live > 0) this.#decideAllIn(number, now);
      if (neighbours.lending.isLent(number)) neighbours.lending.want(number);
    }
  }

  #decideAllIn(number: number, now: number): void {
    const segment = this.buffer.segments.get(number);
    for (const slot of this.buffer.tracesIn(segment, (trace) => this.judge.isComplete(trace))) {
      this.judge.judge(slot, 'full', now);
    }
  }

  #settle(segment: number): void {
    this.buffer.segments.get(segment).pending--;
    this.buffer.segments.settle(segment);
  }
}
