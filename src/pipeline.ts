import { type Clock, unixMsOf } from './clock.ts';
import { Refusal } from './errors.ts';
import type { Explanation } from './model/explanation.ts';
import type { ExportRequest } from './model/export-request.ts';
import { observe } from './model/histogram.ts';
import type { Intake, Landing, Receipt } from './model/intake.ts';
import type { Protocol } from './model/outcome.ts';
import type { SliceRows } from './model/slice.ts';
import type { PolicySet } from './model/verdict.ts';
import { explain } from './shard/explain.ts';
import { noPolicy } from './shard/revision.ts';
import { createShard, type KeptWriter, type NamedRules, type Shard, type ShardOptions } from './shard/shard.ts';
import { takeOver } from './shard/take-over.ts';
import { MalformedError } from './wire/reader.ts';

/**
 * The map. A request's way:
 *
 *   receive ─ land ─▶ decode ─▶ route ─▶ buffer … wait … decide ─▶ enrich ─▶ batch ─▶ export
 *             └───────── accept() ────────────┘    └───────── tick() ──────────┘
 *
 * This is one shard's pipeline; threads/ runs one in each thread, and route/ says which trace is whose.
 */
export class Pipeline implements Intake {
  readonly shard: Shard;
  readonly received = { grpc: tally(), http_protobuf: tally(), http_json: tally() } satisfies Record<Protocol, unknown>;
  readonly #clock: Clock;
  #closed = false;
  #draining = false;
  #servedAt = 0;

  constructor(
    options: ShardOptions,
    rules: NamedRules,
    enrich: KeptWriter,
    emit: (request: ExportRequest) => void,
    clock: Clock,
  ) {
    this.shard = createShard(options, rules, enrich, emit);
    this.#clock = clock;
  }

  /** receive → a place in the buffer for the message, after room was made for it where `on_full` says so. */
  land(length: number): Landing | Refusal {
    const now = this.#now();
    const { buffer, earlyDecisions, emitter } = this.shard;
    const { segments, blocks } = buffer;
    if (this.#closed) return closing();
    if (length > blocks.maxBytes) return tooLarge(length, blocks.maxBytes);
    if (!earlyDecisions.makeRoom(() => buffer.fits(length), length, now)) return full();
    emitter.forget();
    const segment = segments.reserve(length, now);
    const { bytes, used } = segments.get(segment);
    return { bytes, start: used - length, length, segment };
  }

  /**
   * decode → route → buffer: the message at `landing` becomes slices of their traces; all of them or, when refused,
   * none.
   */
  accept(landing: Landing, protocol: Protocol): Receipt | Refusal {
    const { buffer, scan, arrivals, neighbours, revisions, earlyDecisions } = this.shard;
    const { segment, bytes } = landing;
    const { conditions } = revisions.current;
    const now = this.#now();
    if (this.#closed) return this.#refuse(landing, closing());
    const malformed = this.#decode(landing);
    if (malformed !== undefined) return this.#refuse(landing, malformed);
    const slices: SliceRows = { bytes, segment, rows: scan.slices, count: scan.count, conditions };
    const staying = neighbours?.assign(slices) ?? slices.count;
    const refusal = this.#makeRoomFor(staying, landing, now) ?? neighbours?.handOver(slices);
    if (refusal !== undefined) return this.#refuse(landing, refusal);
    arrivals.take(slices, now, neighbours?.owners);
    buffer.segments.done(segment);
    earlyDecisions.keepAhead(staying, now);
    return this.#receipt(landing.length, protocol, slices.count);
  }

  /** The place is not used after all. */
  abandon({ segment }: Landing): void {
    this.shard.buffer.segments.done(segment);
  }

  /**
   * Takes nothing any more, not even what has a place already: so nothing is handed to other shards from now on either.
   */
  close(): void {
    this.#closed = true;
  }

  /**
   * What other shards handed over → buffer; what is due → decide → enrich → batch → export. At most `limit` traces;
   * true when there may be more.
   */
  tick(limit: number): boolean {
    const now = this.#now();
    const { buffer, judge, emission, batch, lateness, upkeep } = this.shard;
    emission.step(now);
    const more = this.#takeOver(now);
    upkeep.tick(now);
    if (this.#draining) return more;
    for (let n = 0; n < limit && !emission.isBehind; n++) {
      const slot = buffer.due(now);
      if (slot < 0) {
        batch.tick(now);
        return more;
      }
      observe(lateness, buffer.overdue(slot, now) / 1000);
      judge.judge(slot, buffer.wasHastened(slot) ? 'root' : 'wait', now);
    }
    return true;
  }

  /**
   * The end: takes nothing new and decides traces that wait, due or not, until there are `limit` of them or about
   * `maxBytes` were written, by one trace more at most. True when there are more. From now on nothing is decided but
   * here.
   */
  decideWaiting(limit: number, maxBytes = Number.POSITIVE_INFINITY): boolean {
    this.close();
    this.#draining = true;
    const now = this.#now();
    const { buffer, judge, emission, batch, neighbours } = this.shard;
    emission.step(now);
    this.#takeOver(now);
    const untilBytes = batch.writtenBytes + maxBytes;
    for (let n = 0; n < limit && batch.writtenBytes < untilBytes && !emission.isBehind; n++) {
      const slot = buffer.first();
      if (slot < 0) {
        batch.flush();
        return neighbours?.expects ?? false;
      }
      judge.judge(slot, 'shutdown', now);
    }
    return true;
  }

  /** Puts rules in force. */
  swap(set: PolicySet, name: string): void {
    this.shard.revisions.swap(set, name);
  }

  /** Here what the shard has by the monotonic clock becomes wall time: it is shown to people. */
  explain(traceId: string): Explanation | undefined {
    return explain(this.shard, traceId, unixMsOf(0, this.#clock));
  }

  #decode(landing: Landing): Refusal | undefined {
    const { scan, revisions } = this.shard;
    const { bytes, start, length } = landing;
    try {
      scan.run(bytes, start, start + length, revisions.current.set.conditions);
    } catch (error) {
      if (error instanceof MalformedError) return new Refusal('malformed', error.message);
      this.abandon(landing);
      throw error;
    }
    return undefined;
  }

  /** Slices need rows, and each may be of a new trace: a message of small spans is the least of what they take. */
  #makeRoomFor(slices: number, { length }: Landing, now: number): Refusal | undefined {
    const { buffer, earlyDecisions } = this.shard;
    if (earlyDecisions.makeRoom(() => buffer.fitsSlices(slices), length, now)) return undefined;
    const { maxBytes } = buffer.blocks;
    const bytes = length + buffer.bytesForSlices(slices);
    return bytes > maxBytes ? tooLarge(bytes, maxBytes, ` with its ${slices} spans' rows and traces`) : full();
  }

  #refuse(landing: Landing, refusal: Refusal): Refusal {
    this.abandon(landing);
    return refusal;
  }

  #receipt(bytes: number, protocol: Protocol, taken: number): Receipt {
    const { ledger, scan } = this.shard;
    const { invalid, reason } = scan;
    const tally = this.received[protocol];
    tally.requests++;
    tally.spans += taken + invalid;
    tally.bytes += bytes;
    if (invalid === 0) return { spans: taken, rejectedSpans: 0, message: '' };
    ledger.add(ledger.row(noPolicy), 'invalid', invalid, 0);
    const message = `${invalid} spans are not valid OTLP and were not taken; the first: ${reason}`;
    return { spans: taken + invalid, rejectedSpans: invalid, message };
  }

  /** Other shards' slices come in, and once a millisecond the memory that is shared is looked after. */
  #takeOver(now: number): boolean {
    const { neighbours, earlyDecisions, emitter } = this.shard;
    emitter.forget();
    const more = takeOver(this.shard, now);
    if (neighbours !== undefined && now !== this.#servedAt) {
      this.#servedAt = now;
      earlyDecisions.serveNeighbours(neighbours, now);
    }
    return more;
  }

  /** The path counts in whole milliseconds. */
  #now(): number {
    return Math.floor(this.#clock.monotonicMs());
  }
}

const closing = (): Refusal => new Refusal('draining', 'the gateway is shutting down: send again, to another one');

const full = (): Refusal => new Refusal('buffer_full', 'the buffer is full (buffer.max_bytes): try again later');

const tooLarge = (bytes: number, maxBytes: number, what = ''): Refusal =>
  new Refusal('too_large', `a request of ${bytes} bytes${what} is larger than buffer.max_bytes (${maxBytes})`);

const tally = (): { requests: number; spans: number; bytes: number } => ({ requests: 0, spans: 0, bytes: 0 });
