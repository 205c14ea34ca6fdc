import { getHeapStatistics } from 'node:v8';

/** Resident bytes of this thread's JavaScript heap, compiled code included. */
export const heapBytes = (): number => getHeapStatistics().total_physical_size;
