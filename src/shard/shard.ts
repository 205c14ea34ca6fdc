import { Batch, type BatchOptions } from '../batch/batch.ts';
import type { EnvelopeWriter } from '../batch/group.ts';
import { type BufferOptions, TraceBuffer } from '../buffer/trace-buffer.ts';
import { Decisions } from '../decide/decisions.ts';
import { RequestScan } from '../decode/scan.ts';
import { Refusal } from '../errors.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ExportRequest } from '../model/export-request.ts';
import { histogram, observe } from '../model/histogram.ts';
import type { Landing, Receipt } from '../model/intake.ts';
import type { Histogram } from '../model/stats.ts';
import type { PolicySet } from '../model/verdict.ts';
import { MalformedError } from '../wire/reader.ts';
import { Arrivals } from './arrivals.ts';
import { Emitter, type SpanWriter } from './emit.ts';
import { explainDecided, explainWaiting, parseTraceId } from './explain.ts';
import { Judge } from './judge.ts';
import { Late } from './late.ts';
import { latenessBounds } from './lateness.ts';
import { Ledger } from './ledger.ts';
import { type NeighbourOptions, Neighbours } from './neighbours.ts';
import { noPolicy, Revisions } from './revision.ts';
import { Room } from './room.ts';

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

/** Memory that was not needed for so long is given back, some of it at a time. */
const trimEveryMs = 10_000;
const shrinkEveryMs = 250;
/** Of what other shards hand over: some thousands of slices, less than a millisecond's work. */
const batchesPerTurn = 16;

/**
 * One core's whole pipeline and the sole owner of the traces that come to it: buffer → decide → enrich → batch → export. It has no
 * clock and no timer: every call says what time it is, in whole
 * milliseconds of a clock that nobody sets.
 */
export class Shard {
  readonly buffer: TraceBuffer;
  readonly decisions: Decisions;
  readonly ledger = new Ledger();
  readonly revisions: Revisions;
  readonly emitter: Emitter;
  readonly judge: Judge;
  readonly batch: Batch;
  readonly lateness: Histogram = histogram(latenessBounds);
  readonly neighbours: Neighbours | undefined;
  readonly #scan = new RequestScan();
  readonly #arrivals: Arrivals;
  readonly #room: Room;
  #mindedAt = 0;
  #trimmedAt = 0;
  #shrunkAt = 0;

  constructor(
    options: ShardOptions,
    rules: { readonly set: PolicySet; readonly name: string },
    enrich: SpanWriter & EnvelopeWriter,
    emit: (request: ExportRequest) => void,
  ) {
    this.neighbours = options.neighbours && new Neighbours(options.neighbours);
    this.buffer = new TraceBuffer(options.buffer, options.seed, this.neighbours?.lending);
    this.neighbours?.join(this.buffer);
    this.decisions = new Decisions(options.buffer.rememberedDecisions, options.seed);
    this.revisions = new Revisions(rules.set, rules.name, this.ledger);
    this.batch = new Batch(options.batch, enrich, emit, options.seed);
    this.emitter = new Emitter(this.batch, enrich);
    const { buffer, decisions, revisions, ledger, emitter } = this;
    const judge = new Judge({ buffer, decisions, revisions, ledger, emitter, scan: this.#scan });
    const late = new Late(decisions, revisions, ledger, emitter);
    const { maxTraceBytes, onFull } = options.buffer;
    this.judge = judge;
    this.#arrivals = new Arrivals({ buffer, decisions, judge, late, maxTraceBytes, self: this.neighbours?.self ?? 0 });
    this.#room = new Room(buffer, judge, onFull);
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
    if (!this.#room.make(length, now)) {
      return new Refusal('buffer_full', 'the buffer is full (buffer.max_bytes): try again later');
    }
    this.emitter.forget();
    const segment = segments.reserve(length, now);
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
    if (refusal === undefined)
      this.#arrivals.take(bytes, segment, slices, count, conditions, now, this.neighbours?.owners);
    this.#settle(segment);
    if (refusal !== undefined) return refusal;
    if (invalid > 0) this.ledger.add(this.ledger.row(noPolicy), 'invalid', invalid, 0);
    const message =
      invalid === 0 ? '' : `${invalid} spans without a valid trace id (16 bytes) and span id (8 bytes), not all zero`;
    return { spans: count + invalid, rejectedSpans: invalid, message };
  }

  /** Takes over what other shards handed over, and decides at most `limit` traces that are due; true when there may be more. */
  tick(now: number, limit: number): boolean {
    this.emitter.forget();
    const more = this.neighbours !== undefined && this.#mindNeighbours(this.neighbours, now);
    if (now - this.#shrunkAt >= shrinkEveryMs) this.#shrink(now);
    for (let n = 0; n < limit; n++) {
      const slot = this.buffer.due(now);
      if (slot < 0) {
        this.batch.tick(now);
        return more;
      }
      observe(this.lateness, this.buffer.overdue(slot, now) / 1000);
      this.judge.judge(slot, this.buffer.wasHastened(slot) ? 'root' : 'wait', now);
    }
    return true;
  }

  /** The end: decides at most `limit` of the traces that wait, due or not; true when there are more. */
  drain(now: number, limit: number): boolean {
    this.emitter.forget();
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

  /** `epochOffsetMs`: what to add to a moment for the time that is shown. */
  explain(traceId: string, epochOffsetMs: number): Explanation | undefined {
    const id = parseTraceId(traceId);
    if (id === undefined) return undefined;
    const waiting = this.buffer.find(...id);
    if (waiting >= 0) return explainWaiting(traceId, waiting, this.buffer, this.revisions, epochOffsetMs);
    const decided = this.decisions.find(...id);
    return decided < 0 ? undefined : explainDecided(traceId, decided, this.decisions, this.revisions, epochOffsetMs);
  }

  /** Slices that other shards handed over come in, true when there may be more; once a millisecond the memory that is shared is minded. */
  #mindNeighbours(neighbours: Neighbours, now: number): boolean {
    const { segments } = this.buffer;
    let batches = 0;
    while (batches < batchesPerTurn && neighbours.takeOver(this.buffer)) {
      batches++;
      const { segment, rows, count, conditions } = neighbours;
      // A trace may be decided while its batch is taken over: the segment must outlast that.
      segments.get(segment).pending++;
      this.#arrivals.take(segments.get(segment).bytes, segment, rows, count, conditions, now);
      this.#settle(segment);
    }
    if (now !== this.#mindedAt) {
      this.#mindedAt = now;
      this.#room.mind(neighbours, now);
    }
    return batches === batchesPerTurn;
  }

  #shrink(now: number): void {
    this.#shrunkAt = now;
    if (now - this.#trimmedAt >= trimEveryMs) {
      this.#trimmedAt = now;
      this.buffer.segments.trim();
      this.batch.trim();
    }
    this.buffer.segments.shrink();
  }

  #settle(segment: number): void {
    this.buffer.segments.get(segment).pending--;
    this.buffer.segments.settle(segment);
  }
}
