import type { Metric } from './metrics/metric.ts';
import { metrics } from './metrics.ts';

const head = `# Metrics

Every metric of \`/metrics\` on the admin port, in the order of a scrape: what it means, what to watch for, what to do then.
Counters start at zero with the process. Alerts: \`deploy/prometheus/alerts.yaml\`; how to work with them: [operations](operations.md).

The books, in spans and at any moment, per process:

- \`received_spans\` = the sum of \`outcome_spans\` + \`waiting_spans\`
- for each exporter: \`outcome_spans\` of \`kept\` and \`late_kept\` = \`exported_spans\` + \`export_queue_spans\` + \`export_failed_spans\`

Where tenants are configured ([tenants](tenants.md)), metrics with \`(tenant)\` have that label too, and hold for each of them; where none are, they
are as they stand here. Only configured names become labels.

This page is made from the table in \`src/telemetry/metrics/\`; \`UPDATE=1 bin/node node_modules/.bin/vitest run test/telemetry/metrics-document.test.ts\` renews it.
`;

const columns = '| Metric | Type | Labels | Meaning | Watch for |\n|---|---|---|---|---|';

/** docs/metrics.md: THE TABLE for people. */
export function metricsDocument(): string {
  return `${head}\n${columns}\n${metrics.map(rowOf).join('\n')}\n`;
}

function rowOf({ name, type, labels, perTenant, help, advice }: Metric): string {
  const told = [...labels.map((label) => `\`${label}\``), ...(perTenant ? ['(`tenant`)'] : [])];
  const cells = [`\`${name}\``, type, told.join(', '), help, advice];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
