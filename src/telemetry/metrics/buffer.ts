import type { Metric } from './metric.ts';

/** What waits for its decision. */
export const bufferMetrics: readonly Metric[] = [
  {
    name: 'tailgate_waiting_spans',
    type: 'gauge',
    labels: [],
    help: 'Spans of traces that are not decided yet.',
    advice: 'About received spans per second times decision_wait.',
    read: ({ gateway }) => gateway.waiting.spans,
  },
  {
    name: 'tailgate_waiting_traces',
    type: 'gauge',
    labels: [],
    help: 'Traces that are not decided yet.',
    advice: 'About new traces per second times decision_wait.',
    read: ({ gateway }) => gateway.waiting.traces,
  },
  {
    name: 'tailgate_buffer_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory of what waits: messages, rows, traces and their index, in whole blocks.',
    advice: 'Above 80 % of buffer_limit_bytes: raise buffer.max_bytes or shorten the wait before it is full.',
    read: ({ gateway }) => gateway.buffer.bytes,
  },
  {
    name: 'tailgate_buffer_limit_bytes',
    type: 'gauge',
    labels: [],
    help: 'buffer.max_bytes of the boot file, less what remembered decisions may take.',
    advice: 'The line to draw above buffer_bytes.',
    read: ({ gateway }) => gateway.buffer.limitBytes,
  },
  {
    name: 'tailgate_buffer_oldest_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest trace that still waits.',
    advice: 'Stays near decision_wait; far above it, decisions have stopped.',
    read: ({ gateway }) => gateway.buffer.oldestSeconds,
  },
];
