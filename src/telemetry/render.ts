import type * as client from '@prometheus-io/client';
// @ts-expect-error The package has types for its entry alone, and that loads 80 files more: OpenTelemetry's API, every
// kind of metric.
import registry from '@prometheus-io/client/lib/registry.js';
import type { Histogram } from '../model/stats.ts';
import type { Metric, Row, Sample } from './metrics/metric.ts';
import { metrics } from './metrics.ts';

const Registry: typeof client.Registry = registry;

interface RenderedMetrics {
  readonly contentType: string;
  readonly body: string;
}

/**
 * A scrape in the format that `accept` (the request's header) prefers: Prometheus text, or OpenMetrics where it is
 * asked for.
 */
export async function renderMetrics(sample: Sample, accept = ''): Promise<RenderedMetrics> {
  const registry = registryOf(sample, prefersOpenMetrics(accept) ? openMetricsType : textType);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

const textType = Registry.PROMETHEUS_CONTENT_TYPE;
const openMetricsType = Registry.OPENMETRICS_CONTENT_TYPE;

// The library's Counter and Histogram only count upwards by themselves; our numbers are counted elsewhere and read
// here. So we use what lies under them: a registry renders whatever has a name, help, type and get(). It is made anew
// for each scrape because in OpenMetrics mode the library writes into the metrics it renders.
function registryOf(sample: Sample, contentType: typeof textType | typeof openMetricsType): client.Registry {
  const registry = new Registry(contentType);
  for (const metric of metrics) registry.registerMetric(snapshot(metric, sample) as never);
  return registry;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName?: string;
  /** As the library has it: the value is what the counter grew by, the time Unix seconds. */
  readonly exemplar?: {
    readonly labelSet: { readonly trace_id: string };
    readonly value: 1;
    readonly timestamp: number;
  };
}

function snapshot(metric: Metric, sample: Sample) {
  const { name, type, help } = metric;
  const values = seriesOf(name, metric.read(sample), sample.epochOffsetMs);
  return {
    name,
    type,
    help,
    values,
    get() {
      return this;
    },
  };
}

function seriesOf(name: string, reading: ReturnType<Metric['read']>, epochOffsetMs: number): readonly Series[] {
  if (typeof reading === 'number') return [{ labels: {}, value: reading }];
  if ('bounds' in reading) return histogramSeries(name, reading);
  return reading.map(({ exemplar, ...row }: Row) => {
    if (exemplar === undefined) return row;
    const timestamp = Math.round(exemplar.at + epochOffsetMs) / 1000;
    return { ...row, exemplar: { labelSet: { trace_id: exemplar.traceId }, value: 1, timestamp } };
  });
}

/** Prometheus wants cumulative buckets; ours count each value once. */
function histogramSeries(name: string, { bounds, counts, sum }: Histogram): Series[] {
  let count = 0;
  const buckets = counts.map((inBucket, i) => {
    count += inBucket;
    const le = i < bounds.length ? String(bounds[i]) : '+Inf';
    return { metricName: `${name}_bucket`, labels: { le }, value: count };
  });
  const total = (suffix: string, value: number) => ({ metricName: `${name}_${suffix}`, labels: {}, value });
  return [...buckets, total('sum', sum), total('count', count)];
}

/** Whoever names OpenMetrics gets it, unless the plain text is weighted higher (RFC 9110, section 12.5.1). */
/** What a request's Accept header asks for. */
export function prefersOpenMetrics(accept = ''): boolean {
  const openMetrics = weightOf(accept, 'application/openmetrics-text');
  return openMetrics > 0 && openMetrics >= weightOf(accept, 'text/plain');
}

function weightOf(accept: string, type: string): number {
  const weights = accept.split(',').map((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (name !== type) return 0;
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    return Number.isNaN(weight) ? 0 : weight;
  });
  return Math.max(0, ...weights);
}
