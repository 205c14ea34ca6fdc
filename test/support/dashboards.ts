import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../deploy/grafana/', import.meta.url);

export interface Target {
  readonly datasource: { readonly type: string; readonly uid: string };
  /** PromQL. */
  readonly expr?: string;
  readonly instant?: boolean;
  /** TraceQL. */
  readonly query?: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
  readonly panels: readonly Panel[];
}

/** Every dashboard that Grafana is given. */
export const dashboards: readonly Dashboard[] = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((file) => ({ ...JSON.parse(readFileSync(new URL(file, folder), 'utf8')), file }));

/** A query as Grafana sends it with everything selected, a scrape each 5 s and the last five minutes shown. */
export const asSent = (query: string): string =>
  query
    .replaceAll('$__rate_interval', '20s')
    .replaceAll('$__range', '5m')
    .replaceAll(/"\$(instance|service)"/g, '".*"');

/** What Prometheus and Tempo say. */
export interface Sources {
  readonly prometheus: string;
  readonly tempo: string;
}

/** How many series, or traces, a panel shows. What has no number in it does not count. */
export async function shown({ targets = [] }: Panel, sources: Sources): Promise<number> {
  const counts = await Promise.all(targets.map((target) => shownBy(target, sources)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function shownBy({ expr, instant, query }: Target, { prometheus, tempo }: Sources): Promise<number> {
  const now = Date.now() / 1000;
  if (expr === undefined) {
    const answer = (await ask(`${tempo}/api/search`, { q: asSent(query ?? ''), limit: '20' })) as {
      traces?: unknown[];
    };
    return answer.traces?.length ?? 0;
  }
  const when = instant ? { time: String(now) } : { start: String(now - 120), end: String(now), step: '5' };
  const path = instant ? 'query' : 'query_range';
  const { data } = (await ask(`${prometheus}/api/v1/${path}`, { query: asSent(expr), ...when })) as {
    data: { result: { value?: [number, string]; values?: [number, string][] }[] };
  };
  return data.result.filter(({ value, values }) => (values ?? [value!]).some(([, text]) => text !== 'NaN')).length;
}

async function ask(url: string, parameters: Record<string, string>): Promise<unknown> {
  const answer = await fetch(`${url}?${new URLSearchParams(parameters)}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text.trim()}: ${JSON.stringify(parameters)}`);
  return JSON.parse(text);
}
