import { everyExporter } from '../model/destinations.ts';
import type { Blocks } from '../tables/blocks.ts';
import { Pages } from '../tables/pages.ts';
import { pageRows } from '../tables/records.ts';

/**
 * Which exporters late spans follow their trace to, where not to all: beside the records of decisions, under the same
 * slots, in pages that are made when the first such trace is remembered.
 */
export class RememberedExporters {
  readonly #pages: (Int32Array | undefined)[] = [];
  readonly #memory: Pages;

  constructor(blocks: Blocks) {
    this.#memory = new Pages(pageRows, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  remember(slot: number, exporters: number): void {
    const page = Math.floor(slot / pageRows);
    if (exporters === everyExporter && this.#pages[page] === undefined) return;
    const words = (this.#pages[page] ??= this.#memory.take().fill(everyExporter));
    words[slot % pageRows] = exporters;
  }

  at(slot: number): number {
    return this.#pages[Math.floor(slot / pageRows)]?.[slot % pageRows] ?? everyExporter;
  }
}
