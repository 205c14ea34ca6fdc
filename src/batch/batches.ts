import { everyExporter } from '../model/destinations.ts';
import type { ExportRequest } from '../model/export-request.ts';
import { Batch, type BatchOptions, type SpareMemory } from './batch.ts';
import { Bodies } from './bodies.ts';
import type { EnvelopeWriter } from './group.ts';
import { SpareWriters } from './spare-writers.ts';

/** Sets of exporters that have an open batch each: one more closes the oldest of them. */
const mostOpen = 16;

/**
 * A batch for each set of exporters that traces go to; where the boot file has no `export[].when` that is one. Memory
 * that a batch has left is for all of them.
 */
export class Batches {
  readonly #options: BatchOptions;
  readonly #write: EnvelopeWriter;
  readonly #emit: (request: ExportRequest) => void;
  readonly #seed: number;
  readonly #spare: SpareMemory;
  readonly #everywhere: Batch;
  /** By set of exporters, the one that was opened first standing first. */
  readonly #others = new Map<number, Batch>();
  #closedBytes = 0;

  /** `seed` differs between processes: see tables/keyed-hash.ts. */
  constructor(options: BatchOptions, write: EnvelopeWriter, emit: (request: ExportRequest) => void, seed: number) {
    this.#options = options;
    this.#write = write;
    this.#emit = emit;
    this.#seed = seed;
    this.#spare = { bodies: new Bodies(options.maxBytes), writers: new SpareWriters() };
    this.#everywhere = new Batch(options, write, emit, seed, this.#spare);
  }

  /** The batch of traces that go to these exporters. */
  of(exporters: number): Batch {
    if (exporters === everyExporter) return this.#everywhere;
    return this.#others.get(exporters) ?? this.#open(exporters);
  }

  get spans(): number {
    return this.#sum((batch) => batch.spans);
  }

  /** About the bytes of the requests so far, never less. */
  get bytes(): number {
    return this.#sum((batch) => batch.bytes);
  }

  /** Bytes held, for these batches and for the next ones; bodies that left are the exporters' to count. */
  get heldBytes(): number {
    const { bodies, writers } = this.#spare;
    return this.#sum((batch) => batch.heldBytes) + bodies.spareBytes + writers.bytes;
  }

  /** About the bytes that were written so far, emitted or not; it only grows, but for a few bytes. */
  get writtenBytes(): number {
    return this.#closedBytes + this.#sum((batch) => batch.writtenBytes);
  }

  /** Emits the batches that are old enough. */
  tick(now: number): void {
    this.#everywhere.tick(now);
    for (const batch of this.#others.values()) batch.tick(now);
  }

  /** Emits what there is. */
  flush(): void {
    this.#everywhere.flush();
    for (const batch of this.#others.values()) batch.flush();
  }

  /** Everybody is done with a body that was emitted: its memory is for the next ones. */
  reuse(body: Uint8Array): void {
    this.#spare.bodies.giveBack(body);
  }

  /** Lets go of the memory that no batch has needed since the last call. */
  trim(): void {
    this.#spare.bodies.trim();
  }

  #open(exporters: number): Batch {
    if (this.#others.size === mostOpen) {
      const [oldest, batch] = this.#others.entries().next().value!;
      batch.flush();
      this.#closedBytes += batch.writtenBytes;
      this.#others.delete(oldest);
    }
    const emit = (request: ExportRequest): void => this.#emit({ ...request, exporters });
    const batch = new Batch(this.#options, this.#write, emit, this.#seed, this.#spare);
    this.#others.set(exporters, batch);
    return batch;
  }

  #sum(of: (batch: Batch) => number): number {
    let sum = of(this.#everywhere);
    for (const batch of this.#others.values()) sum += of(batch);
    return sum;
  }
}
