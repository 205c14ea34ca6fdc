/**
 * What memory is held for, in the order in which a span meets it; docs/memory.md says how each part is bounded. All but
 * the last are counted where they are taken and given back.
 */
export const memoryParts = [
  'inflight',
  'segments',
  'rows',
  'traces',
  'index',
  'spare',
  'window',
  'scan',
  'rings',
  'decisions',
  'batches',
  'queues',
  'store',
  'heap',
] as const;
type MemoryPart = (typeof memoryParts)[number];
/** Bytes by part. */
export type Memory = Readonly<Record<MemoryPart, number>>;

/** Of one shard; `heap` is 0 where it is not a thread's of its own. */
export type ShardMemory = Omit<Memory, 'queues' | 'store'>;

/** The process's memory, and how much of it is accounted for. */
export interface MemoryAccount {
  /** Bytes held; of the JavaScript heaps what they have grown by since the process was idle. */
  readonly parts: Memory;
  readonly residentBytes: number;
  /** The same before any traffic. */
  readonly idleBytes: number;
  /** What the process may use; null where nobody set a limit. */
  readonly limitBytes: number | null;
}

export const sumOf = (memory: Readonly<Record<string, number>>): number =>
  Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
