import type { KubernetesStats } from '../../model/stats.ts';
import type { Metric } from './metric.ts';

/** Of enrich.kubernetes: nothing where there is none. */
const read =
  (value: (stats: KubernetesStats) => number): Metric['read'] =>
  ({ gateway: { kubernetes } }) =>
    kubernetes ? [{ labels: {}, value: value(kubernetes) }] : [];

/** What is known of pods, and whether the API server still speaks. */
export const kubernetesMetrics: readonly Metric[] = [
  {
    name: 'tailgate_kubernetes_pods',
    type: 'gauge',
    labels: [],
    help: 'Pods whose attributes kept spans get, by enrich.kubernetes.',
    advice: 'As many as enrich.kubernetes.max_pods: others add nothing; raise it.',
    read: read(({ pods }) => pods),
  },
  {
    name: 'tailgate_kubernetes_failures_total',
    type: 'counter',
    labels: [],
    help: 'Times that the API server could not be reached, or refused.',
    advice: 'A steady rate: the log says why. Spans go on without attributes of pods that are new.',
    read: read(({ failures }) => failures),
  },
  {
    name: 'tailgate_kubernetes_source_age_seconds',
    type: 'gauge',
    labels: [],
    help: 'Since the API server last said something of pods; a quiet cluster speaks every minute.',
    advice: 'More than five minutes: what is known of pods is old.',
    read: read(({ ageSeconds }) => ageSeconds),
  },
];
