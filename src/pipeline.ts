import { type Clock, unixMsOf } from './clock.ts';
import type { RequestScan } from './decode/scan.ts';
import { TooManySpansError } from './decode/slice-table.ts';
import { Refusal } from './errors.ts';
import type { KeepState, Way } from './model/brought-back.ts';
import type { Explanation } from './model/explanation.ts';
import type { ExportRequest } from './model/export-request.ts';
import { observe } from './model/histogram.ts';
import type { Intake, Message, Receipt } from './model/intake.ts';
import type { Produced, Source } from './model/outcome.ts';
import { type Found, Slice, type SliceRows } from './model/slice.ts';
import type { PolicySet } from './model/verdict.ts';
import { fromWindow } from './shard/brought-back.ts';
import { explain } from './shard/explain.ts';
import { type NamedRules, noPolicy } from './shard/revision.ts';
import { createShard, type KeptWriter, type Shard, type ShardOptions } from './shard/shard.ts';
import { StepwiseArrival } from './shard/stepwise-arrival.ts';
import { takeOver } from './shard/take-over.ts';
import { copyBytes } from './wire/copy.ts';
import { MalformedError } from './wire/reader.ts';

/** Of a large message scanned at a time: some tenths of a millisecond, of hostile bytes two. */
const bytesAStep = 64 * 1024;

/** Of writing what was decided, in one go when the gateway ends: some 100 ms at worst. */
const stepsAtTheEnd = 16;

/**
 * The map. A request's way:
 *
 *   receive ─▶ land ─▶ decode ─▶ route ─▶ buffer … wait … decide ─▶ enrich ─▶ batch ─▶ export
 *              └───────── accept() ────────────┘    └───────── tick() ──────────┘
 *
 * This is one shard's pipeline; threads/ runs one in each thread, and route/ says which trace is whose. In a fleet what
 * is another gateway's goes there before: forward/.
 */
export class Pipeline implements Intake {
  readonly shard: Shard;
  readonly received: Record<Source, ReturnType<typeof tally>> = {
    grpc: tally(),
    http_protobuf: tally(),
    http_json: tally(),
    kafka: tally(),
    cluster: tally(),
    window: tally(),
    restore: tally(),
  };
  /** Why no request may come in at present; empty = it may. */
  overload = '';
  /** Whose spans it takes; empty where there is one. */
  tenant = '';
  readonly #clock: Clock;
  readonly #arriving = new Set<{ readonly arrival: StepwiseArrival; readonly tally: { spans: number } }>();
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

  /** Where room is made by deciding early, a message need not wait for it. */
  refuses(length: number): Refusal | undefined {
    const { buffer, earlyDecisions } = this.shard;
    const { maxBytes } = buffer.blocks;
    if (this.#closed) return closing();
    if (length > maxBytes) return tooLarge(length, maxBytes);
    return earlyDecisions.decides || buffer.fits(length) ? undefined : full();
  }

  /**
   * land → decode → route → buffer: the message becomes slices of their traces; all of them or, when refused, none, and
   * then it leaves no trace in the buffer. Room is made for it first, where `on_full` says so.
   */
  accept(message: Message, source: Source): Receipt | Refusal {
    return this.#landed(message, (segment) => this.#take(message.length, segment, source));
  }

  /** The same for a message that was scanned where it lies, by conditions that are, or were, in force here. */
  acceptFound(message: Uint8Array, found: Found, source: Source): Receipt | Refusal {
    const { length } = message;
    const copyTo = (to: Uint8Array, at: number): void => copyBytes(message, 0, length, to, at);
    return this.#landed({ length, copyTo }, (segment) => {
      const { bytes, used } = this.shard.buffer.segments.get(segment);
      moveRows(found, used - length);
      const receipt = this.#takeFound({ bytes, segment, ...found }, { length, end: used }, source, found);
      if (receipt instanceof Refusal) moveRows(found, length - used);
      return receipt;
    });
  }

  /**
   * Spans that are brought back come in once more, each to its trace's shard, see BroughtBack; false where there is no
   * room for so many now, since nothing that waits gives way to them.
   */
  bringIn(message: Message, spans: number): boolean {
    const { buffer } = this.shard;
    const bytes = buffer.segments.bytesFor(message.length) + buffer.bytesForSlices(spans);
    if (bytes > buffer.blocks.freeBytes) return false;
    return !(this.accept(message, 'window') instanceof Refusal);
  }

  /** A request that went elsewhere to be decided counts here; `invalid` of its spans were not taken. */
  produced({ protocol, bytes, spans, invalid }: Produced): void {
    const { ledger } = this.shard;
    const tally = this.received[protocol];
    tally.requests++;
    tally.bytes += bytes;
    tally.spans += spans;
    const row = ledger.row(noPolicy);
    ledger.add(row, 'produced', spans - invalid, 0);
    if (invalid > 0) ledger.add(row, 'invalid', invalid, 0);
  }

  /**
   * Whether a trace waits here, or its verdict is remembered; the four words of its id at ids[at]. To be asked behind
   * `catchUp`.
   */
  knows(ids: Int32Array, at: number): boolean {
    const { buffer, decisions } = this.shard;
    return buffer.find(ids, at) >= 0 || decisions.find(ids, at) >= 0;
  }

  /** What other shards have handed over so far is with its traces. */
  catchUp(): void {
    while (this.#takeOver(this.#now()));
  }

  /** Another gateway has spans that came here. */
  forwarded(source: Source, spans: number, bytes: number): void {
    const { ledger } = this.shard;
    this.received[source].spans += spans;
    this.received[source].bytes += bytes;
    ledger.add(ledger.row(noPolicy), 'forwarded', spans, 0);
  }

  /** The rest of the books on a request that was cut: `parts` of it came in here, each like a request; others nobody takes. */
  passedOn(source: Source, scanned: Scanned, parts: number, rejected: { spans: number; why: string }): Receipt {
    const { ledger } = this.shard;
    this.received[source].requests -= parts;
    const receipt = this.#receipt(0, source, scanned);
    if (rejected.spans === 0) return receipt;
    this.received[source].spans += rejected.spans;
    ledger.add(ledger.row(noPolicy), 'rejected', rejected.spans, 0);
    const message = `${rejected.spans} spans were rejected: ${rejected.why}`;
    return {
      spans: receipt.spans,
      rejectedSpans: receipt.rejectedSpans + rejected.spans,
      message: receipt.message === '' ? message : `${receipt.message}; ${message}`,
    };
  }

  /** One that was dropped is to be kept; the four words of its id. Whoever asks has it brought where that is said. */
  keep(id: Int32Array, way: Way, isSure: boolean): KeepState {
    return this.shard.broughtBack.keep(id, way, isSure, this.#now());
  }

  /** The same, step by step; what is once on its way to its traces gets there, by `close` if need be. */
  *acceptInSteps(message: Message, source: Source, isGone: () => boolean): Generator<undefined, Receipt | Refusal> {
    const { segments } = this.shard.buffer;
    const segment = this.#land(message);
    if (segment instanceof Refusal) return segment;
    const { bytes, used } = segments.get(segment);
    let taken: Receipt | Refusal | undefined;
    try {
      yield;
      taken = yield* this.#takeInSteps({ bytes, segment, end: used, length: message.length }, source, isGone);
      return taken;
    } finally {
      // Others may have come to lie behind it.
      if (!(taken && 'spans' in taken) && segments.get(segment).used === used) segments.cancel(segment, message.length);
      segments.done(segment);
    }
  }

  /** Takes nothing any more, so nothing is handed to other shards from now on either. */
  close(): void {
    this.#closed = true;
    for (const { arrival, tally } of this.#arriving) while (!arrival.isOver) tally.spans += arrival.step(this.#now());
    this.#arriving.clear();
  }

  /**
   * What other shards handed over → buffer; what is due → decide → enrich → batch → export. At most `limit` traces;
   * true when there may be more.
   */
  tick(limit: number): boolean {
    const now = this.#now();
    const { buffer, judge, emission, batches, lateness, overload, relief, upkeep } = this.shard;
    overload.tick(now);
    emission.step(now);
    const more = this.#takeOver(now);
    upkeep.tick(now);
    if (this.#draining) return more;
    for (let n = 0; n < limit && !emission.isBehind; n++) {
      const slot = buffer.due(now);
      if (slot < 0) {
        const isRelieving = relief.tick(limit, now);
        batches.tick(now);
        return isRelieving || more;
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
    const { buffer, judge, emission, batches, neighbours } = this.shard;
    emission.step(now);
    this.#takeOver(now);
    const untilBytes = batches.writtenBytes + maxBytes;
    let steps = stepsAtTheEnd;
    for (let n = 0; n < limit && batches.writtenBytes < untilBytes; ) {
      if (emission.isBehind) {
        if (--steps === 0) return true;
        emission.step(now);
        continue;
      }
      n++;
      const slot = buffer.first();
      if (slot < 0) {
        batches.flush();
        return neighbours?.expects ?? false;
      }
      judge.judge(slot, 'shutdown', now);
    }
    return true;
  }

  /** Hands what is in the open batch to the exporters; false while a trace is being written to it. */
  flush(): boolean {
    const { batches, emission } = this.shard;
    if (!emission.isIdle) return false;
    batches.flush();
    return true;
  }

  /** Puts rules in force. */
  swap(set: PolicySet, name: string): void {
    const { revisions, buffer } = this.shard;
    revisions.swap({ set, name });
    buffer.ask(set.conditions, revisions.current.conditions);
  }

  /** Here what the shard has by the monotonic clock becomes wall time: it is shown to people. */
  explain(traceId: string, parts: readonly Uint8Array[] = []): Explanation | undefined {
    return explain(this.shard, traceId, unixMsOf(0, this.#clock), parts);
  }

  /** Has a message taken that was written to a segment; one that is refused leaves nothing there. */
  #landed(message: Message, take: (segment: number) => Receipt | Refusal): Receipt | Refusal {
    const { segments } = this.shard.buffer;
    const segment = this.#land(message);
    if (segment instanceof Refusal) return segment;
    try {
      const receipt = take(segment);
      if (receipt instanceof Refusal) segments.cancel(segment, message.length);
      return receipt;
    } finally {
      segments.done(segment);
    }
  }

  /** Writes the message to a place, behind which its segment ends for now; the segment's number. */
  #land(message: Message): number | Refusal {
    const { length } = message;
    const { earlyDecisions, emitter, buffer } = this.shard;
    const now = this.#now();
    const refusal = this.refuses(length);
    if (refusal !== undefined) return refusal;
    if (!earlyDecisions.makeRoom(() => buffer.fits(length), length, now)) return full();
    emitter.forget();
    const segment = buffer.segments.reserve(length, now);
    const { bytes, used } = buffer.segments.get(segment);
    message.copyTo(bytes, used - length);
    return segment;
  }

  #take(length: number, segment: number, source: Source): Receipt | Refusal {
    const { buffer, scan, revisions } = this.shard;
    const { bytes, used } = buffer.segments.get(segment);
    const { set } = revisions.current;
    // What was in the window is in it, and is not found there twice.
    const conditions = source === 'window' ? fromWindow : revisions.current.conditions;
    try {
      scan.run(bytes, used - length, used, set.conditions);
    } catch (error) {
      return refusalFor(error);
    }
    const slices: SliceRows = { bytes, segment, rows: scan.slices, stride: scan.stride, count: scan.count, conditions };
    return this.#takeFound(slices, { length, end: used }, source, scan);
  }

  /** Slices that lie in their segment, where others of the request may have been left out. */
  #takeFound(slices: SliceRows, place: Place, source: Source, scanned: Scanned): Receipt | Refusal {
    const { arrivals, neighbours, earlyDecisions } = this.shard;
    const now = this.#now();
    const staying = this.#commit(slices, place, now);
    if (staying instanceof Refusal) return staying;
    arrivals.take(slices, now, neighbours?.owners);
    earlyDecisions.keepAhead(staying, now);
    this.received[source].spans += slices.count;
    return this.#receipt(place.length, source, scanned);
  }

  *#takeInSteps(
    { bytes, segment, end, length }: { bytes: Uint8Array; segment: number; end: number; length: number },
    source: Source,
    isGone: () => boolean,
  ): Generator<undefined, Receipt | Refusal> {
    const { conditions, set } = this.shard.revisions.current;
    // Others are scanned in between.
    const scan = this.shard.scan.another();
    try {
      scan.begin(bytes, end - length, end, set.conditions);
      while (!scan.step(bytesAStep)) {
        yield;
        if (isGone()) return new Refusal('timeout', 'the sender went away');
        if (this.#closed) return closing();
      }
    } catch (error) {
      return refusalFor(error);
    }
    const slices: SliceRows = { bytes, segment, rows: scan.slices, stride: scan.stride, count: scan.count, conditions };
    const staying = this.#commit(slices, { length, end }, this.#now());
    if (staying instanceof Refusal) return staying;
    const tally = this.received[source];
    const arriving = { arrival: new StepwiseArrival(this.shard, slices, staying), tally };
    tally.spans += slices.count - staying;
    this.#arriving.add(arriving);
    const receipt = this.#receipt(length, source, scan);
    while (!arriving.arrival.isOver) {
      tally.spans += arriving.arrival.step(this.#now());
      yield;
    }
    this.#arriving.delete(arriving);
    return receipt;
  }

  /** From here on nothing of a request can be refused: there is room, and others' slices are on their way. */
  #commit(slices: SliceRows, { length, end }: Place, now: number): number | Refusal {
    const { buffer, neighbours } = this.shard;
    const staying = neighbours?.assign(slices) ?? slices.count;
    const refusal = this.#makeRoomFor(staying, slices.segment, { length, now }) ?? neighbours?.handOver(slices);
    if (refusal !== undefined) return refusal;
    if (slices.conditions !== fromWindow) buffer.segments.taken(end, slices);
    return staying;
  }

  /** Slices need rows, and each may be of a new trace: a message of small spans is the least of what they take. */
  #makeRoomFor(slices: number, segment: number, { length, now }: { length: number; now: number }): Refusal | undefined {
    const { buffer, earlyDecisions } = this.shard;
    if (earlyDecisions.makeRoom(() => buffer.fitsSlices(slices, segment), length, now)) return undefined;
    const { maxBytes } = buffer.blocks;
    const bytes = length + buffer.bytesForSlices(slices);
    return bytes > maxBytes ? tooLarge(bytes, maxBytes, ` with its ${slices} spans' rows and traces`) : full();
  }

  /** Slices count as received where they are taken. */
  #receipt(bytes: number, source: Source, { count: taken, invalid, reason }: Scanned): Receipt {
    const { ledger } = this.shard;
    const tally = this.received[source];
    tally.requests++;
    tally.spans += invalid;
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

/** What is told of a request. */
type Scanned = Pick<RequestScan, 'count' | 'invalid' | 'reason'>;

/** Of a message in its segment. */
interface Place {
  readonly length: number;
  readonly end: number;
}

/** To where their message begins now. */
function moveRows({ rows, stride, count }: Found, by: number): void {
  for (let row = 0; row < count * stride; row += stride) {
    rows[row + Slice.start] += by;
    rows[row + Slice.resourceSpans] += by;
    rows[row + Slice.scopeSpans] += by;
  }
}

export function refusalFor(error: unknown): Refusal {
  if (error instanceof MalformedError) return new Refusal('malformed', error.message);
  if (error instanceof TooManySpansError) return new Refusal('too_large', error.message);
  throw error;
}

const closing = (): Refusal => new Refusal('draining', 'the gateway is shutting down: send again, to another one');

const full = (): Refusal => new Refusal('buffer_full', 'the buffer is full (buffer.max_bytes): try again later');

const tooLarge = (bytes: number, maxBytes: number, what = ''): Refusal =>
  new Refusal('too_large', `a request of ${bytes} bytes${what} is larger than buffer.max_bytes (${maxBytes})`);

const tally = (): { requests: number; spans: number; bytes: number } => ({ requests: 0, spans: 0, bytes: 0 });
