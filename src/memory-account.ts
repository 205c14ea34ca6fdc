import { memoryUsage } from 'node:process';
import type { ExporterStats } from './model/export-request.ts';
import type { MemoryAccount, ShardMemory } from './model/memory.ts';
import { heapBytes } from './threads/heap-bytes.ts';

type Exporters = readonly { readonly stats: ExporterStats }[];

/** Of SQLite's pages in memory, see store/database.ts. */
const storeCacheBytes = 16 * 2 ** 20;

/** What the process holds beside what it is when nothing has come yet. */
export class ProcessMemory {
  isMarked = false;
  #idleBytes = 0;
  #idleHeapBytes = 0;

  readonly #limitBytes: number | null;

  constructor(limitBytes: number | null) {
    this.#limitBytes = limitBytes;
  }

  /** This is how large the process is when it has nothing to do. */
  markIdle(shards: ShardMemory): void {
    this.isMarked = true;
    this.#idleBytes = memoryUsage.rss();
    this.#idleHeapBytes = shards.heap + heapBytes();
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
      residentBytes: memoryUsage.rss(),
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
