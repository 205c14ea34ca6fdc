import type { TempoAnswer, TempoRequest } from './messages.ts';
import { json, plain } from './respond.ts';

/** Whoever answers the read API: the store's worker. Rejects while it is not running. */
export interface TempoReader {
  /** `over` is aborted when the asker has the answer, or is gone. */
  answer(request: TempoRequest, over?: AbortSignal): Promise<TempoAnswer>;
}

export interface TempoApi {
  /**
   * The answer to a request, or undefined for a path that is not Tempo's. `url` may have any host; `over` is aborted when
   * the asker has the answer, or is gone. `tenant`: whose traces are asked for; left out where there are no tenants.
   */
  handle(
    method: string,
    url: URL,
    accept: string | undefined,
    over?: AbortSignal,
    tenant?: string,
  ): Promise<TempoAnswer | undefined>;
}

const paths = /^\/api\/(?:(?:v2\/)?traces\/[^/]+|search|(?:v2\/)?search\/tags|(?:v2\/)?search\/tag\/[^/]+\/values)$/;

/**
 * Grafana enables features by this. From 2.2 on a Tempo streams searches by gRPC, which we do not: so it is the last
 * version before, though most of what came later is answered.
 */
const buildInfo = { version: '2.1.0', revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' };

/** Tempo's read API over the embedded store, for Grafana's Tempo data source and obsctl. */
export function createTempoApi(reader: TempoReader): TempoApi {
  return {
    async handle(method, url, accept, over, tenant) {
      const answer = fixed(url.pathname);
      if (answer === undefined && !paths.test(url.pathname)) return undefined;
      if (method !== 'GET' && method !== 'HEAD')
        return { ...plain(405, 'method not allowed'), headers: { allow: 'GET, HEAD' } };
      return (
        answer ??
        ask(
          reader,
          { ...(tenant !== undefined && { tenant }), path: url.pathname, query: url.search, accept: accept ?? '' },
          over,
        )
      );
    },
  };
}

const noMetrics =
  'this store answers no TraceQL metrics: the gateway has its own, of all spans before sampling, on /metrics (docs/metrics.md)';

function fixed(path: string): TempoAnswer | undefined {
  if (path.startsWith('/api/metrics/')) return plain(501, noMetrics);
  if (path === '/api/echo') return plain(200, 'echo\n');
  return path === '/api/status/buildinfo' ? json(buildInfo) : undefined;
}

async function ask(reader: TempoReader, request: TempoRequest, over?: AbortSignal): Promise<TempoAnswer> {
  try {
    return await reader.answer(request, over);
  } catch (error) {
    return plain(503, `the store cannot answer now: ${(error as Error).message}`);
  }
}
