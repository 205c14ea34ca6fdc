import v8 from 'node:v8';
import type { Budget, Target } from './target.ts';

/** What an input cost. */
export interface Cost {
  cpuUs: number;
  memoryBytes: number;
}

/** No input may hold a thread longer, whatever its size, but where a budget says so. */
export const usualStallUs = 100_000;

interface Counters {
  cpuUs: number;
  wallUs: number;
  allocatedBytes: number;
  externalBytes: number;
}

/** V8 hands out the heap in pieces and counts those: so much is counted where nearly nothing was taken. */
const heapStepBytes = 640 * 1024;

/** `alone`: this thread's time, else the process's, where others (zlib's) work for it. */
function count(alone: boolean): Counters {
  const { user, system } = alone ? process.threadCpuUsage() : process.cpuUsage();
  const { total_allocated_bytes: allocatedBytes = 0, external_memory: externalBytes } =
    v8.getHeapStatistics() as v8.HeapInfo & { total_allocated_bytes?: number };
  return { cpuUs: user + system, wallUs: performance.now() * 1000, allocatedBytes, externalBytes };
}

/** Runs it once. Time is the thread's own, which a busy machine does not change much. */
export async function measure(
  { run, isAsync = false }: Pick<Target, 'run' | 'isAsync'>,
  input: Buffer,
): Promise<{ result: string; cost: Cost }> {
  const before = count(!isAsync);
  const running = run(input);
  const result = isAsync ? await running : (running as string);
  const after = count(!isAsync);
  const externalBytes = Math.max(0, after.externalBytes - before.externalBytes);
  const memoryBytes = Math.max(0, after.allocatedBytes - before.allocatedBytes - heapStepBytes) + externalBytes;
  // The system charges a thread now and then, and then for more than this.
  const [cpu, wall] = [after.cpuUs - before.cpuUs, after.wallUs - before.wallUs];
  const cpuUs = Math.ceil(cpu > 0 ? Math.min(cpu, wall) : wall);
  return { result, cost: { cpuUs, memoryBytes } };
}

export const least = (one: Cost, other: Cost): Cost => ({
  cpuUs: Math.min(one.cpuUs, other.cpuUs),
  memoryBytes: Math.min(one.memoryBytes, other.memoryBytes),
});

/** The part of its budget that an input of `bytes` bytes took, by time or memory, whichever is more; 1 = all of it. */
export function shareOf({ cpuUs, memoryBytes }: Cost, bytes: number, budget: Budget): number {
  const mayUs = Math.min(budget.stallUs ?? usualStallUs, budget.cpuUs + budget.cpuUsPerByte * bytes);
  return Math.max(cpuUs / mayUs, memoryBytes / (budget.memoryBytes + budget.memoryBytesPerByte * bytes));
}
