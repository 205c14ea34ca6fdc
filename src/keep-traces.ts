import { type Clock, unixMsOf } from './clock.ts';
import { Unavailable } from './errors.ts';
import { inTime, late } from './in-time.ts';
import type { KeptTrace, Way } from './model/brought-back.ts';
import type { AdminSources } from './telemetry/sources.ts';
import type { Shards } from './threads/shards.ts';
import type { WindowSearch } from './window-search.ts';

/** How long whoever asks waits for spans that are on their way. */
const answerWithinMs = 15_000;
const searchWithinMs = 30_000;

type Keeping = Pick<Shards, 'keep' | 'bringBack' | 'pastTraces'>;

/** Of one query. */
const mostFound = 1000;

/** Keeps traces of a tenant by their ids, or by what they hold. Throws BadRequest where a query cannot be read. */
export function keeper(shards: Keeping, search: WindowSearch, clock: Clock): NonNullable<AdminSources['keep']> {
  let isSearching = false;
  return async (asked, tenant, over) => {
    if ('ids' in asked) return { traces: await keepTraces(shards, asked.ids, { tenant: tenant.index, way: 'id' }) };
    if (isSearching) throw new Unavailable('another query is being kept: try again in a moment');
    const params = new URLSearchParams({ q: asked.query, limit: String(mostFound) });
    if (asked.lastMs !== undefined)
      params.set('start', String(Math.floor((unixMsOf(clock.monotonicMs(), clock) - asked.lastMs) / 1000)));
    isSearching = true;
    const searched = inTimeOnly(over, (until) => search.search(params, tenant, until));
    const { found, isWhole } = await searched.finally(() => (isSearching = false));
    const ids = found.filter(({ verdict }) => verdict !== 'keep').map(({ traceId }) => traceId);
    const traces = await keepTraces(shards, ids, { tenant: tenant.index, way: 'query' });
    return { traces, isWhole: isWhole && found.length < mostFound };
  };
}

async function inTimeOnly<T>(over: AbortSignal, search: (until: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(searchWithinMs);
  try {
    return await search(AbortSignal.any([over, late]));
  } catch (error) {
    if (!late.aborted && !over.aborted) throw error;
    throw new Unavailable(`the search took more than ${searchWithinMs / 1000} s: ask for a shorter time (last)`);
  }
}

/**
 * Keeps traces that were dropped, by ids of 32 hex digits, each once: what the windows of the shards have of them leaves
 * as late spans. Throws Unavailable where a shard does not answer.
 */
function keepTraces(
  shards: Keeping,
  ids: readonly string[],
  { tenant, way }: { readonly tenant: number; readonly way: Way },
): Promise<KeptTrace[]> {
  return Promise.all([...new Set(ids)].map((traceId) => keepTrace(shards, traceId, { tenant, way })));
}

async function keepTrace(
  shards: Keeping,
  traceId: string,
  { tenant, way }: { readonly tenant: number; readonly way: Way },
): Promise<KeptTrace> {
  let state = await shards.keep(traceId, tenant, way, false);
  if (state === 'forgotten' && (await isThere(shards, traceId, tenant)))
    state = await shards.keep(traceId, tenant, way, true);
  if (state === 'forgotten') return { traceId, state: 'not_found', spans: 0 };
  if (state !== 'brought') return { traceId, state, spans: 0 };
  const spans = await inTime(shards.bringBack(traceId, tenant), answerWithinMs);
  return { traceId, state, spans: spans === late ? 0 : spans };
}

async function isThere(shards: Keeping, traceId: string, tenant: number): Promise<boolean> {
  const past = await shards.pastTraces([traceId], tenant, AbortSignal.timeout(answerWithinMs));
  return past.flat().some(({ spans }) => spans > 0);
}
