import { accessMetrics } from './metrics/access.ts';
import { bufferMetrics } from './metrics/buffer.ts';
import { decisionsMetrics } from './metrics/decisions.ts';
import { exportMetrics } from './metrics/export.ts';
import { filesMetrics } from './metrics/files.ts';
import { fleetMetrics } from './metrics/fleet.ts';
import { intakeMetrics } from './metrics/intake.ts';
import { kafkaMetrics } from './metrics/kafka.ts';
import { kubernetesMetrics } from './metrics/kubernetes.ts';
import { memoryMetrics } from './metrics/memory.ts';
import type { Metric } from './metrics/metric.ts';
import { processMetrics } from './metrics/process.ts';
import { rulesMetrics } from './metrics/rules.ts';
import { windowMetrics } from './metrics/window.ts';

/** THE TABLE: every metric the gateway has. A scrape, docs/metrics.md and the tests are made from it. */
export const metrics: readonly Metric[] = [
  ...intakeMetrics,
  ...bufferMetrics,
  ...windowMetrics,
  ...memoryMetrics,
  ...fleetMetrics,
  ...decisionsMetrics,
  ...exportMetrics,
  ...kafkaMetrics,
  ...rulesMetrics,
  ...kubernetesMetrics,
  ...filesMetrics,
  ...accessMetrics,
  ...processMetrics,
];
