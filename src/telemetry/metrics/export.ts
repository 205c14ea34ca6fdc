import type { ExporterStats } from '../../model/export-request.ts';
import type { Metric, Row, Sample } from './metric.ts';

/** What leaves, exporter by exporter. */
export const exportMetrics: readonly Metric[] = [
  {
    name: 'tailgate_exported_spans_total',
    type: 'counter',
    labels: ['exporter'],
    help: 'Spans that the destination has accepted.',
    advice: 'Follows outcome_spans_total of kept and late_kept by a second or two.',
    read: (sample) => each(sample, (stats) => stats.exportedSpans),
  },
  {
    name: 'tailgate_export_failed_spans_total',
    type: 'counter',
    labels: ['exporter', 'reason'],
    help: 'Kept spans that did not reach the destination and never will.',
    advice:
      '`queue_full`, `expired`: the destination was slow or away too long. `rejected`, `partial`: it refused them; the log line export_failed says why and names the services. `too_large`: one span is above its limit. `write_failed`: the store could not write, the disk may be full. `shutdown`: the drain ran out of time.',
    read: ({ gateway }) =>
      gateway.exporters.flatMap(({ name, stats }) =>
        Object.entries(stats.failedSpans).map(([reason, value]) => ({ labels: { exporter: name, reason }, value })),
      ),
  },
  {
    name: 'tailgate_export_elsewhere_spans_total',
    type: 'counter',
    labels: ['exporter'],
    help: 'Kept spans that went to other exporters only, as the `when` of this one says.',
    advice: 'With exported, queued and failed ones they are all that were kept.',
    read: (sample) => each(sample, (stats) => stats.elsewhereSpans ?? 0),
  },
  {
    name: 'tailgate_export_queue_spans',
    type: 'gauge',
    labels: ['exporter'],
    help: 'Kept spans that are still on their way: in open batches, queued, in flight or waiting for a retry.',
    advice: 'Grows while a destination is away; then compare export_queue_bytes with its limit.',
    read: (sample) => each(sample, (stats) => stats.queuedSpans + (sample.gateway.batching?.spans ?? 0)),
  },
  {
    name: 'tailgate_export_queue_bytes',
    type: 'gauge',
    labels: ['exporter'],
    help: 'Bytes in the queue of the exporter.',
    advice: 'Above 80 % of export_queue_limit_bytes: bring the destination back, or raise queue.max_bytes.',
    read: (sample) => each(sample, (stats) => stats.queuedBytes),
  },
  {
    name: 'tailgate_export_queue_limit_bytes',
    type: 'gauge',
    labels: ['exporter'],
    help: 'queue.max_bytes of the exporter.',
    advice: 'The line to draw above export_queue_bytes.',
    read: (sample) => each(sample, (stats) => stats.queueLimitBytes),
  },
  {
    name: 'tailgate_export_requests_total',
    type: 'counter',
    labels: ['exporter'],
    help: 'Requests that the destination has accepted.',
    advice: 'Over exported_spans_total it is the size of a batch; many small ones mean batch.max_age is short.',
    read: (sample) => each(sample, (stats) => stats.exportedRequests),
  },
  {
    name: 'tailgate_export_retries_total',
    type: 'counter',
    labels: ['exporter'],
    help: 'Requests that were sent again.',
    advice: 'A steady rate means a destination at its limit; look at its own rate limits.',
    read: (sample) => each(sample, (stats) => stats.retries),
  },
  {
    name: 'tailgate_store_failing',
    type: 'gauge',
    labels: ['exporter'],
    help: '1 while the embedded store can write nothing: what is kept for it is lost, and counted.',
    advice: '1: `failing` in /api/status and the log line store_failing say why; it works again by itself when it can.',
    read: (sample) => ofStores(sample, ({ failing }) => (failing ? 1 : 0)),
  },
  {
    name: 'tailgate_store_set_aside_total',
    type: 'counter',
    labels: ['exporter'],
    help: 'Times that the database of the embedded store was damaged and an empty one took its place.',
    advice: 'Any: store_set_aside in the log names the file. Look at the disk.',
    read: (sample) => ofStores(sample, ({ setAside }) => setAside ?? 0),
  },
  {
    name: 'tailgate_export_last_success_timestamp_seconds',
    type: 'gauge',
    labels: ['exporter'],
    help: 'When the destination last accepted something, as Unix time; 0 = never.',
    advice: 'Old while the queue is not empty: the destination is away.',
    read: (sample) => each(sample, (stats) => stats.lastSuccessAt / 1e3),
  },
];

const ofStores = ({ gateway }: Sample, value: (stats: ExporterStats) => number): Row[] =>
  gateway.exporters
    .filter(({ stats }) => stats.failing !== undefined)
    .map(({ name, stats }) => ({ labels: { exporter: name }, value: value(stats) }));

function each({ gateway }: Sample, value: (stats: ExporterStats) => number): Row[] {
  return gateway.exporters.map(({ name, stats }) => ({ labels: { exporter: name }, value: value(stats) }));
}
