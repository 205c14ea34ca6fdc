import type { GatewayIdentity, GatewayStats, Histogram, TenantStats } from '../../model/stats.ts';
import type { ProcessStats } from '../process.ts';

/** All that a scrape looks at: plain numbers, read once. */
export interface Sample {
  readonly identity: GatewayIdentity;
  readonly gateway: GatewayStats;
  readonly process: ProcessStats;
  readonly logLinesLost: number;
  /** What to add to a moment of the monotonic clock to show it. */
  readonly epochOffsetMs: number;
}

/** One series of a metric. */
export interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** A trace that it counts, as an example, and when it was counted, in monotonic ms; shown in OpenMetrics alone. */
  readonly exemplar?: { readonly traceId: string; readonly at: number } | undefined;
}

/** One line of THE TABLE: what a metric is called, means, asks of the operator, and how it is read. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  /** Where the boot file allows tenants, there is one of each for each of them, with the label `tenant`. */
  readonly perTenant?: true;
  /** One sentence, printed with every scrape. */
  readonly help: string;
  /** What to watch for and what to do then; printed in docs/metrics.md. */
  readonly advice: string;
  /**
   * A number for a metric without labels, a row per label set, or (type histogram) a histogram in the unit of the name.
   */
  read(sample: Sample): number | readonly Row[] | Histogram;
}

type OfTenant = Omit<TenantStats, 'name'>;

/** A metric that is told for each tenant where there are such, and of the whole where there are none. */
export function byTenant(read: (stats: OfTenant) => number | readonly Row[]): Pick<Metric, 'perTenant' | 'read'> {
  const rowsOf = ({ name, ...stats }: TenantStats): Row[] => {
    const reading = read(stats);
    const rows: readonly Row[] = typeof reading === 'number' ? [{ labels: {}, value: reading }] : reading;
    return rows.map(({ labels, ...row }) => ({ ...row, labels: { ...labels, tenant: name } }));
  };
  return {
    perTenant: true,
    read: ({ gateway }) => (gateway.tenants === undefined ? read(gateway) : gateway.tenants.flatMap(rowsOf)),
  };
}

/** A row per entry of `record`, the entry's key as the value of `label`. */
export function rowsBy<T>(label: string, record: Readonly<Record<string, T>>, value: (entry: T) => number): Row[] {
  return Object.entries(record).map(([key, entry]) => ({ labels: { [label]: key }, value: value(entry) }));
}
