import { memoryUsage } from 'node:process';
import type { ExporterStats } from './model/export-request.ts';
import type { MemoryAccount, ShardMemory } from './model/memory.ts';
import { heapBytes } from './threads/heap-bytes.ts';

type Exporters = readonly { readonly stats: ExporterStats }[];

/** Of SQLite's pages in memory, see store/database.ts. */
const storeCacheBytes = 16 * 2 ** 20;

/** What the process holds beside what it is when nothing has come yet. */
export class ProcessMemory {
  #idleBytes = 0;
  #idleHeapBytes = 0;

  readonly #limitBytes: number | null;

  readonly #readResident: () => number;

  constructor(limitBytes: number | null, readResident: () => number = () => memoryUsage.rss()) {
    this.#limitBytes = limitBytes;
    this.#readResident = readResident;
  }

  /** This is how large the process is when it has nothing to do. */
  markIdle(shards: ShardMemory): void {
    this.#idleBytes = this.#readResident();
    this.#idleHeapBytes = shards.heap + heapBytes();
  }

  /**
   * What the start left is collected by now. Where traffic came meanwhile the process holds that as well; what is less
   * than the first mark all the same is nearer to what it is at rest.
   */
  markSettled(shards: ShardMemory, isUntouched: boolean): void {
    if (isUntouched || this.#readResident() < this.#idleBytes) this.markIdle(shards);
  }

  /** `shards`: all shards' together. */
  read(shards: ShardMemory, exporters: Exporters): MemoryAccount {
    return {
      parts: {
        ...shards,
        queues: queuesOf(exporters),
        store: storesOf(exporters),
        heap: Math.max(0, shards.heap + heapBytes() - this.#idleHeapBytes),
      },
      residentBytes: this.#readResident(),
      idleBytes: this.#idleBytes,
      limitBytes: this.#limitBytes,
    };
  }
}

/** Exporters share the bodies that wait for them: the longest queue has them all. Compressed copies are each one's own. */
function queuesOf(exporters: Exporters): number {
  const bodies = Math.max(0, ...exporters.map(({ stats }) => stats.queuedBytes));
  return exporters.reduce((sum, { stats }) => sum + (stats.copiedBytes ?? 0), bodies);
}

function storesOf(exporters: Exporters): number {
  return exporters.reduce((sum, { stats }) => sum + Math.min(storeCacheBytes, stats.storedBytes ?? 0), 0);
}
