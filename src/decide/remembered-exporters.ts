import { everyExporter } from '../model/destinations.ts';
import type { Blocks } from '../tables/blocks.ts';
import { SidePages } from '../tables/side-pages.ts';

/** Which exporters late spans follow their trace to; a boot file without `export[].when` costs nothing here. */
export class RememberedExporters {
  readonly #pages: SidePages;

  constructor(blocks: Blocks) {
    this.#pages = new SidePages(1, everyExporter, blocks);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#pages.bytes;
  }

  remember(slot: number, exporters: number): void {
    if (exporters === everyExporter && this.#pages.page(slot) === undefined) return;
    this.#pages.open(slot)[this.#pages.at(slot)] = exporters;
  }

  at(slot: number): number {
    return this.#pages.page(slot)?.[this.#pages.at(slot)] ?? everyExporter;
  }
}
