import { byTenant, type Metric } from './metric.ts';

/** What waits for its decision. */
export const bufferMetrics: readonly Metric[] = [
  {
    name: 'tailgate_waiting_spans',
    type: 'gauge',
    labels: [],
    help: 'Spans of traces that are not decided yet.',
    advice: 'About received spans per second times decision_wait.',
    ...byTenant(({ waiting }) => waiting.spans),
  },
  {
    name: 'tailgate_waiting_traces',
    type: 'gauge',
    labels: [],
    help: 'Traces that are not decided yet.',
    advice: 'About new traces per second times decision_wait.',
    ...byTenant(({ waiting }) => waiting.traces),
  },
  {
    name: 'tailgate_buffer_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory of what waits: messages, rows, traces and their index, in whole blocks.',
    advice: 'Above 80 % of buffer_limit_bytes: raise buffer.max_bytes or shorten the wait before it is full.',
    ...byTenant(({ buffer }) => buffer.bytes),
  },
  {
    name: 'tailgate_buffer_limit_bytes',
    type: 'gauge',
    labels: [],
    help: 'buffer.max_bytes of the boot file, less what remembered decisions may take.',
    advice: 'The line to draw above buffer_bytes.',
    ...byTenant(({ buffer }) => buffer.limitBytes),
  },
  {
    name: 'tailgate_overload_rung',
    type: 'gauge',
    labels: [],
    help: 'How far the shard that is pressed hardest goes to bear its load: 0 normal, 1 complete traces early, 2 the oldest early, 3 samples harder, 4 refuses.',
    advice: 'Above 0 for minutes: docs/overload.md says what each means and what to do.',
    ...byTenant(({ overload }) => Math.max(...overload.map(({ rung }) => rung))),
  },
  {
    name: 'tailgate_overload_keeps_one_in',
    type: 'gauge',
    labels: [],
    help: 'Traces without an error are kept at most by one in so many; 1 = as the rules say.',
    advice: 'Counts after sampling stay true: weights say it.',
    ...byTenant(({ overload }) => Math.max(...overload.map(({ keepsOneIn }) => keepsOneIn))),
  },
  {
    name: 'tailgate_buffer_oldest_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest trace that still waits.',
    advice: 'Stays near decision_wait; far above it, decisions have stopped.',
    ...byTenant(({ buffer }) => buffer.oldestSeconds),
  },
];
