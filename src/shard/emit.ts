import type { Batch } from '../batch/batch.ts';
import type { Batches } from '../batch/batches.ts';
import type { ScopeGroup } from '../batch/group.ts';
import { bytesOf } from '../buffer/slices.ts';
import { everyExporter } from '../model/destinations.ts';
import { Slice } from '../model/slice.ts';
import type { Stamp } from '../model/stamp.ts';
import type { Writer } from '../wire/writer.ts';
import { Envelopes, type KnownEnvelope } from './envelopes.ts';

export interface SpanWriter {
  /** Bytes of texts that rules were applied to, so far: what most of the work goes by. */
  readonly searchedBytes: number;
  span(out: Writer, buf: Uint8Array, start: number, end: number, stamp: Stamp, marked: boolean): void;
}

/**
 * The work of one step, in bytes of texts searched: 5 to 10 ms. Bytes that are only looked through and copied cost a
 * sixteenth (measured: 0.1 to 0.2 µs against 5 to 10 ns).
 */
export const workPerStep = 64 * 1024;
const workPerByte = 1 / 16;

/** Errors told apart; a position in their text makes many of one. */
const maxReasons = 8;
const otherReasons = 'other errors';

/**
 * Hands the slices of one kept trace to the batch, enriched. Neighbouring slices mostly share their envelope, so it is
 * looked up when it changes.
 */
export class Emitter {
  readonly #batches: Pick<Batches, 'of'>;
  #batch: Batch;
  #exporters = everyExporter;
  readonly #enrich: SpanWriter;
  readonly #envelopes = new Envelopes();
  #buf: Uint8Array | undefined;
  #scopeSpansAt = -1;
  #envelope: KnownEnvelope | undefined;
  #group: ScopeGroup | undefined;
  #now = 0;
  /** Work done so far, and the amount at which this step's is spent. */
  #work = 0;
  #enough: number;
  readonly #workPerStep: number;
  /** Spans that could not be written: 0 unless there is a defect, and then they count as lost. */
  failed = 0;
  /** The same by error, since `takeFailures`. */
  #failures = new Map<string, number>();

  constructor(batches: Pick<Batches, 'of'>, enrich: SpanWriter, workPerStep: number) {
    this.#batches = batches;
    this.#batch = batches.of(everyExporter);
    this.#enrich = enrich;
    this.#workPerStep = workPerStep;
    this.#enough = workPerStep;
  }

  /** What surrounds a slice, for as long as nothing lands. Work is charged for what had to be read. */
  envelopeAt(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): KnownEnvelope {
    const read = this.#envelopes.readBytes;
    const envelope = this.#envelopes.at(buf, resourceSpansAt, scopeSpansAt);
    this.#work += (this.#envelopes.readBytes - read) * workPerByte;
    return envelope;
  }

  /** Something is about to land in segments whose envelopes were read, or to be taken over. */
  forget(): void {
    this.#envelopes.forget();
  }

  /** A new step begins. */
  refill(): void {
    this.#enough = this.#work + this.#workPerStep;
  }

  /** Work in this step's stead, for bytes that somebody sends and that need room. */
  grant(bytes: number): void {
    this.#enough = Math.max(this.#enough, this.#work + this.#workPerStep / 4 + bytes * 2 * workPerByte);
  }

  /** Other work was done in this step, worth so many bytes that are looked through. */
  charge(bytes: number): void {
    this.#work += bytes * workPerByte;
  }

  /** This step has worked enough: the rest is for the next ones. */
  get isSpent(): boolean {
    return this.#work >= this.#enough;
  }

  begin(now: number): void {
    this.#now = now;
    this.#buf = undefined;
    this.#batch.begin(now);
  }

  /** Goes on with what was begun in an earlier step: what was looked up then may be gone. */
  resume(): void {
    this.#buf = undefined;
  }

  /**
   * The slice of `buf` that rows[row …] describes: a row of the scan or of the buffer, which begin alike. False when it
   * could not be written.
   */
  slice(buf: Uint8Array, rows: Int32Array, row: number, stamp: Stamp, marked: boolean): boolean {
    if (stamp.exporters !== this.#exporters) this.#turnTo(stamp.exporters);
    const searched = this.#enrich.searchedBytes;
    const group = this.#groupOf(buf, rows[row + Slice.resourceSpans], rows[row + Slice.scopeSpans]);
    const start = rows[row + Slice.start];
    const end = start + bytesOf(rows[row + Slice.length]);
    const out = this.#batch.into(group);
    const before = out.pos;
    try {
      this.#enrich.span(out, buf, start, end, stamp, marked);
    } catch (error) {
      // The scan has checked the bytes, so this is a defect of ours: it must cost no more than the span that shows it.
      out.pos = before;
      this.#fail(String(error));
      return false;
    } finally {
      this.#work += (end - start) * workPerByte + this.#enrich.searchedBytes - searched;
    }
    if (!this.#batch.added(group, this.#envelope as KnownEnvelope, this.#now)) this.#group = undefined;
    return true;
  }

  end(): void {
    this.#batch.end();
  }

  /** How many spans could not be written since the last call, by error. */
  takeFailures(): ReadonlyMap<string, number> {
    const failures = this.#failures;
    this.#failures = new Map();
    return failures;
  }

  /** What is under way goes elsewhere than what was before it. */
  #turnTo(exporters: number): void {
    this.#exporters = exporters;
    this.#batch = this.#batches.of(exporters);
    this.#group = undefined;
    this.#batch.begin(this.#now);
  }

  #fail(error: string): void {
    this.failed++;
    const isNew = !this.#failures.has(error);
    const reason = isNew && this.#failures.size >= maxReasons ? otherReasons : error;
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  #groupOf(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): ScopeGroup {
    if (buf !== this.#buf || scopeSpansAt !== this.#scopeSpansAt) {
      this.#envelope = this.envelopeAt(buf, resourceSpansAt, scopeSpansAt);
      this.#group = undefined;
      this.#buf = buf;
      this.#scopeSpansAt = scopeSpansAt;
    }
    if (this.#group === undefined) {
      const envelope = this.#envelope as KnownEnvelope;
      this.#group = this.#batch.group(envelope, envelope.group);
      envelope.group = this.#group;
    }
    return this.#group;
  }
}
