import { type Metric, rowsBy } from './metric.ts';

/** What memory is held for. */
export const memoryMetrics: readonly Metric[] = [
  {
    name: 'tailgate_memory_bytes',
    type: 'gauge',
    labels: ['part'],
    help: 'Memory held, by what it is held for; docs/memory.md says how each part is bounded.',
    advice:
      'Its sum with idle_memory_bytes is about the resident memory; which part grows says which setting to look at.',
    read: ({ gateway }) => rowsBy('part', gateway.memory.parts, (bytes) => bytes),
  },
  {
    name: 'tailgate_idle_memory_bytes',
    type: 'gauge',
    labels: [],
    help: 'Resident memory of the process before any traffic.',
    advice: 'What remains of the container’s limit is for the parts.',
    read: ({ gateway }) => gateway.memory.idleBytes,
  },
  {
    name: 'tailgate_memory_limit_bytes',
    type: 'gauge',
    labels: [],
    help: 'What the process may use by its container (cgroup v1 or v2); 0 where nobody set a limit.',
    advice: 'process_resident_memory_bytes near it: the system is about to end the process; lower buffer.max_bytes.',
    read: ({ gateway }) => gateway.memory.limitBytes ?? 0,
  },
];
