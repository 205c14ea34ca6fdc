import type { ExportRequest } from '../model/export-request.ts';
import { KeyedHash } from '../tables/keyed-hash.ts';
import type { Envelope } from '../wire/envelope.ts';
import type { Writer } from '../wire/writer.ts';
import { Bodies } from './bodies.ts';
import { type EnvelopeWriter, Groups, type ScopeGroup } from './group.ts';
import { SpareWriters } from './spare-writers.ts';

export interface BatchOptions {
  readonly maxBytes: number;
  readonly maxSpans: number;
  readonly maxAgeMs: number;
}

/** Memory that batches have left, for those to come. */
export interface SpareMemory {
  readonly bodies: Bodies;
  readonly writers: SpareWriters;
}

/** Two headers of at most 6 bytes may be needed beside what a group holds. */
const frameBytes = 12;

/**
 * Kept traces → export requests, by bytes, spans and age, whole traces only: a trace that does not fit any more starts
 * the next batch, and only one that is too large for a batch of its own is divided. A trace is added as `begin`, then
 * for each span `into` (write one span field there) and `added`, then `end`.
 */
export class Batch {
  readonly #options: BatchOptions;
  readonly #write: EnvelopeWriter;
  readonly #emit: (request: ExportRequest) => void;
  readonly #spare: SpareMemory;
  readonly #hash: KeyedHash;
  #groups: Groups;
  /** At least the bytes of the request so far; the exact number is worked out near the limit only. */
  #atMostBytes = 0;
  #emittedBytes = 0;
  #spans = 0;
  #traces = 0;
  #since = 0;
  #unit = 0;
  #unitSpans = 0;
  #spanStart = 0;

  /** `seed` differs between processes: see tables/keyed-hash.ts. `spare` may be shared with other batches. */
  constructor(
    options: BatchOptions,
    write: EnvelopeWriter,
    emit: (request: ExportRequest) => void,
    seed: number,
    spare: SpareMemory = { bodies: new Bodies(options.maxBytes), writers: new SpareWriters() },
  ) {
    this.#options = options;
    this.#write = write;
    this.#emit = emit;
    this.#spare = spare;
    this.#hash = new KeyedHash(seed, Math.imul(seed, 0x9e3779b1));
    this.#groups = this.#newGroups();
  }

  get spans(): number {
    return this.#spans;
  }

  /** About the bytes of the request so far, never less. */
  get bytes(): number {
    return this.#atMostBytes;
  }

  /** Bytes held, beside what is spare. */
  get heldBytes(): number {
    return this.#groups.heldBytes;
  }

  /** About the bytes that were written so far, emitted or not; it only grows, but for a few bytes. */
  get writtenBytes(): number {
    return this.#emittedBytes + this.#atMostBytes;
  }

  begin(now: number): void {
    if (this.#spans >= this.#options.maxSpans) this.flush();
    if (this.#spans === 0) this.#since = now;
    this.#unit++;
    this.#unitSpans = 0;
  }

  /**
   * The group of an envelope: good for every span of this trace that has the same one, until the next call that adds or
   * ends. `earlier` is what the same envelope got for another trace: where it is still of this batch, nothing is looked
   * up.
   */
  group(envelope: Envelope, earlier?: ScopeGroup): ScopeGroup {
    const group = earlier?.owner === this.#groups ? earlier : this.#groups.of(envelope);
    if (group.unit !== this.#unit) {
      group.unit = this.#unit;
      group.unitStart = group.spans.pos;
      group.unitCount = group.count;
      this.#atMostBytes += group.head.length + group.scopeRest.length + envelope.resource.length + frameBytes;
    }
    return group;
  }

  /** Where to write the next span, as field 2 of ScopeSpans. */
  into(group: ScopeGroup): Writer {
    this.#spanStart = group.spans.pos;
    return group.spans;
  }

  /** A span was written. False when the batch had to be closed: groups must be asked for anew. */
  added(group: ScopeGroup, envelope: Envelope, now: number): boolean {
    group.count++;
    this.#spans++;
    this.#unitSpans++;
    this.#atMostBytes += group.spans.pos - this.#spanStart;
    if (this.#spans <= this.#options.maxSpans && !this.#isTooLarge()) return true;
    if (this.#spans > this.#unitSpans) {
      group = this.#carryOver(group, now);
      if (this.#spans <= this.#options.maxSpans && !this.#isTooLarge()) return false;
    }
    this.#divide(group, envelope, now);
    return false;
  }

  end(): void {
    this.#traces++;
  }

  /** Emits the batch if it is old enough. */
  tick(now: number): void {
    if (this.#spans > 0 && now - this.#since >= this.#options.maxAgeMs) this.flush();
  }

  /** Emits what there is. */
  flush(): void {
    if (this.#spans > 0) {
      const body = this.#groups.finish(this.#spare.bodies.take(this.#groups.bytes()));
      this.#emittedBytes += body.length;
      this.#emit({ body, spans: this.#spans, traces: Math.max(1, this.#traces) });
    }
    this.#groups.release();
    this.#reset(this.#newGroups());
  }

  #isTooLarge(): boolean {
    if (this.#atMostBytes <= this.#options.maxBytes) return false;
    this.#atMostBytes = this.#groups.bytes();
    return this.#atMostBytes > this.#options.maxBytes;
  }

  /** The trace alone is too large: what was before its last span leaves. A span too large by itself leaves alone. */
  #divide(group: ScopeGroup, envelope: Envelope, now: number): void {
    if (this.#spans === 1) {
      this.flush();
      this.#unitSpans = 0;
      return;
    }
    const span = group.spans.buf.slice(this.#spanStart, group.spans.pos);
    group.spans.pos = this.#spanStart;
    group.count--;
    this.#spans--;
    this.flush();
    this.#since = now;
    this.#unitSpans = 0;
    const next = this.group(envelope);
    this.into(next).raw(span);
    this.added(next, envelope, now);
  }

  /**
   * The batch is full with this trace in it: everything before the trace leaves, the trace begins the next batch.
   * Returns `current`'s heir.
   */
  #carryOver(current: ScopeGroup, now: number): ScopeGroup {
    const next = this.#newGroups();
    let heir = current;
    const lastBytes = current.spans.pos - this.#spanStart;
    for (const resource of this.#groups.resources) {
      for (const scope of resource.scopes) {
        if (scope.unit !== this.#unit) continue;
        const { scope: bytes, scopeRest } = scope;
        const moved = next.of({
          resource: resource.resource,
          resourceRest: resource.resourceRest,
          scope: bytes,
          scopeRest,
        });
        moved.spans.raw(scope.spans.buf, scope.unitStart, scope.spans.pos);
        moved.count = scope.count - scope.unitCount;
        moved.unit = this.#unit;
        if (scope === current) heir = moved;
        scope.spans.pos = scope.unitStart;
        scope.count = scope.unitCount;
      }
    }
    const spans = this.#unitSpans;
    this.#spans -= spans;
    this.flush();
    this.#reset(next);
    this.#since = now;
    this.#spans = spans;
    this.#unitSpans = spans;
    this.#atMostBytes = next.bytes();
    this.#spanStart = heir.spans.pos - lastBytes;
    return heir;
  }

  #newGroups(): Groups {
    return new Groups(this.#write, this.#spare.writers, this.#hash);
  }

  #reset(groups: Groups): void {
    this.#groups = groups;
    this.#atMostBytes = 0;
    this.#spans = 0;
    this.#traces = 0;
  }
}
