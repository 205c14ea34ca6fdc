import type { LoopStats } from '../../model/stats.ts';
import { type Metric, type Row, rowsBy, type Sample } from './metric.ts';

/** The main thread's event loop, and each shard's that has a thread of its own. */
function loopsOf({ process, gateway }: Sample): { thread: string; loop: LoopStats }[] {
  return [{ thread: 'main', loop: process.loop }, ...gateway.loops];
}

const byThread = (sample: Sample, value: (loop: LoopStats) => number): Row[] =>
  loopsOf(sample).map(({ thread, loop }) => ({ labels: { thread }, value: value(loop) }));

const byThreadAndKind = (sample: Sample, value: (pauses: LoopStats['gc']['minor']) => number): Row[] =>
  loopsOf(sample).flatMap(({ thread, loop }) =>
    rowsBy('kind', loop.gc, value).map((row) => ({ ...row, labels: { thread, ...row.labels } })),
  );

/** What the process is and what it spends. */
export const processMetrics: readonly Metric[] = [
  {
    name: 'tailgate_build_info',
    type: 'gauge',
    labels: ['version', 'node', 'environment'],
    help: 'Always 1; its labels name the program, its Node.js and its environment.',
    advice: 'Two versions at once outside a rollout: finish it.',
    read: ({ identity: { version, environment } }) => [
      { labels: { version, node: process.version, environment }, value: 1 },
    ],
  },
  {
    name: 'tailgate_start_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the process started, as Unix time; its counters began at zero then.',
    advice: 'Changes often: it restarts; look at the exit code and at the memory limit.',
    read: ({ identity }) => identity.startedAt / 1e3,
  },
  {
    name: 'tailgate_shards',
    type: 'gauge',
    labels: [],
    help: 'Shards, each of which uses at most one core.',
    advice: 'CPU near this number: give it more cores or more replicas.',
    read: ({ identity }) => identity.shards,
  },
  {
    name: 'tailgate_silent_shards',
    type: 'gauge',
    labels: [],
    help: 'Shards that did not answer this scrape in time; their part of all numbers is what they said last.',
    advice: 'Not 0: /api/status says which; /livez fails when it stands still for 10 s.',
    read: ({ gateway }) => gateway.silentShards?.length ?? 0,
  },
  {
    name: 'tailgate_log_lines_lost_total',
    type: 'counter',
    labels: [],
    help: 'Lines of the log that could not be written: the disk is full, the terminal closed, or nobody reads the pipe.',
    advice: 'Any: look at where stdout goes. Traffic is not affected.',
    read: ({ logLinesLost }) => logLinesLost,
  },
  {
    name: 'tailgate_process_cpu_seconds_total',
    type: 'counter',
    labels: ['mode'],
    help: 'CPU time of the whole process.',
    advice: 'Over received_spans_total it is the price of a span.',
    read: ({ process }) => rowsBy('mode', process.cpu, (seconds) => seconds),
  },
  {
    name: 'tailgate_process_resident_memory_bytes',
    type: 'gauge',
    labels: [],
    help: 'Resident memory of the process.',
    advice: 'Must stay below the memory limit of the container at a full buffer.',
    read: ({ process }) => process.residentBytes,
  },
  {
    name: 'tailgate_process_heap_used_bytes',
    type: 'gauge',
    labels: [],
    help: 'JavaScript heap in use; spans are not in it.',
    advice: 'Grows for hours: a leak, report it.',
    read: ({ process }) => process.heapUsedBytes,
  },
  {
    name: 'tailgate_process_heap_limit_bytes',
    type: 'gauge',
    labels: [],
    help: 'Where the JavaScript heap ends the process.',
    advice: 'Set by --max-old-space-size.',
    read: ({ process }) => process.heapLimitBytes,
  },
  {
    name: 'tailgate_process_external_memory_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory outside the JavaScript heap that belongs to it: segments, queues, sockets.',
    advice: 'About buffer_bytes plus export_queue_bytes.',
    read: ({ process }) => process.externalBytes,
  },
  {
    name: 'tailgate_event_loop_active_seconds_total',
    type: 'counter',
    labels: ['thread'],
    help: 'Time the event loop was busy, by thread: `main`, and `shard 0` and so on where shards have threads.',
    advice: 'Its rate near 1: the thread is at its limit.',
    read: (sample) => byThread(sample, (loop) => loop.activeSeconds),
  },
  {
    name: 'tailgate_event_loop_delay_p99_seconds',
    type: 'gauge',
    labels: ['thread'],
    help: 'How late timers run, 99th percentile of the last half minute.',
    advice: 'Above 0.2 for minutes: it lacks CPU, or something blocks it.',
    read: (sample) => byThread(sample, (loop) => loop.delayP99Seconds),
  },
  {
    name: 'tailgate_event_loop_delay_max_seconds',
    type: 'gauge',
    labels: ['thread'],
    help: 'How late timers run, the worst of the last half minute.',
    advice: 'Above 1, probes and senders see timeouts.',
    read: (sample) => byThread(sample, (loop) => loop.delayMaxSeconds),
  },
  {
    name: 'tailgate_gc_pauses_total',
    type: 'counter',
    labels: ['thread', 'kind'],
    help: 'Pauses for garbage collection.',
    advice: '`major` more than once a second under load: check the V8 flags that bin/tailgate sets.',
    read: (sample) => byThreadAndKind(sample, (it) => it.count),
  },
  {
    name: 'tailgate_gc_pause_seconds_total',
    type: 'counter',
    labels: ['thread', 'kind'],
    help: 'Time spent in pauses for garbage collection.',
    advice: 'A rate above 0.1 is a tenth of a core.',
    read: (sample) => byThreadAndKind(sample, (it) => it.seconds),
  },
];
