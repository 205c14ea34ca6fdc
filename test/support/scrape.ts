import { parseTextFormat } from '../telemetry/text-format.ts';

/** The samples of /metrics, `name{label="value"}` → value, for tests that look at a running gateway. */
export interface Scrape {
  /** One sample; 0 where there is none. */
  value(name: string, labels?: Record<string, string>): number;
  /** All samples of a metric by the value of one label. */
  by(name: string, label: string): Record<string, number>;
}

/** Reads `http://<admin>/metrics`. */
export async function scrape(admin: string): Promise<Scrape> {
  const families = parseTextFormat(await (await fetch(`http://${admin}/metrics`)).text());
  const samples = (name: string) => families.get(name)?.samples ?? [];
  return {
    value: (name, labels = {}) => {
      const wanted = Object.entries(labels);
      const fits = samples(name).filter((it) => wanted.every(([label, value]) => it.labels[label] === value));
      return fits.reduce((sum, it) => sum + it.value, 0);
    },
    by: (name, label) => {
      const sums: Record<string, number> = {};
      for (const it of samples(name)) sums[it.labels[label]] = (sums[it.labels[label]] ?? 0) + it.value;
      return sums;
    },
  };
}
