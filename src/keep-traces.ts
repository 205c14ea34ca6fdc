import { type Clock, unixMsOf } from './clock.ts';
import { Unavailable } from './errors.ts';
import { inTime, late } from './in-time.ts';
import type { Brought, KeptTrace, Way } from './model/brought-back.ts';
import type { PastTrace } from './model/past-trace.ts';
import type { AdminSources } from './telemetry/sources.ts';
import type { Shards } from './threads/shards.ts';
import type { WindowSearch } from './window-search.ts';

/** How long whoever asks waits for spans that are on their way. */
const answerWithinMs = 15_000;
const searchWithinMs = 30_000;

type Keeping = Pick<Shards, 'keep' | 'bringBack' | 'notBrought' | 'pastTraces'>;

/** Looked for in one walk. */
const tracesAtOnce = 64;

/** Of one query. */
const mostFound = 1000;

/** Keeps traces of a tenant by their ids, or by what they hold. Throws BadRequest where a query cannot be read. */
export function keeper(shards: Keeping, search: WindowSearch, clock: Clock): NonNullable<AdminSources['keep']> {
  let isSearching = false;
  let isLooking = false;
  return async (asked, tenant, over) => {
    if ('ids' in asked) {
      if (isLooking) throw new Unavailable('other traces are being kept: try again in a moment');
      isLooking = true;
      const keeping = keepTraces(shards, asked.ids, { tenant: tenant.index, way: 'id' });
      return { traces: await keeping.finally(() => (isLooking = false)) };
    }
    if (isSearching) throw new Unavailable('another query is being kept: try again in a moment');
    const params = new URLSearchParams({ q: asked.query, limit: String(mostFound) });
    if (asked.lastMs !== undefined) {
      const since = (unixMsOf(clock.monotonicMs(), clock) - asked.lastMs) / 1000;
      params.set('start', String(Math.max(0, Math.floor(since))));
    }
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
 * as late spans. Those that nobody remembers are looked for together, so that a walk serves as many. Throws Unavailable
 * where a shard does not answer.
 */
async function keepTraces(
  shards: Keeping,
  ids: readonly string[],
  { tenant, way }: { readonly tenant: number; readonly way: Way },
): Promise<KeptTrace[]> {
  const kept: KeptTrace[] = [];
  const all = [...new Set(ids)];
  for (let from = 0; from < all.length; from += tracesAtOnce) {
    const some = all.slice(from, from + tracesAtOnce);
    const states = await Promise.all(some.map((traceId) => shards.keep(traceId, tenant, way, false)));
    const there = await thoseThere(
      shards,
      some.filter((_, i) => states[i] === 'forgotten'),
      tenant,
    );
    kept.push(
      ...(await Promise.all(
        some.map(async (traceId, i): Promise<KeptTrace> => {
          const isThere = there.has(traceId);
          const state = isThere ? await shards.keep(traceId, tenant, way, true) : states[i];
          if (state === 'forgotten') return { traceId, state: 'not_found', spans: 0 };
          if (state !== 'brought') return { traceId, state, spans: 0 };
          const brought = await inTime(bring(shards, traceId, tenant), answerWithinMs);
          if (brought === late) return { traceId, state, spans: 0 };
          const { spans, isWhole } = brought;
          if (spans === 0) return { traceId, state: isWhole ? 'not_found' : 'no_room', spans };
          return { traceId, state, spans, ...(!isWhole && { isWhole }) };
        }),
      )),
    );
  }
  return kept;
}

/** A trace of which nothing comes is not kept, however late that is known. */
async function bring(shards: Keeping, traceId: string, tenant: number): Promise<Brought> {
  const brought = await shards.bringBack(traceId, tenant);
  if (brought.spans === 0) await shards.notBrought(traceId, tenant);
  return brought;
}

/** Of traces that nobody remembers, those of which the windows have spans; none where the answer takes too long. */
async function thoseThere(shards: Keeping, ids: readonly string[], tenant: number): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const within = AbortSignal.timeout(answerWithinMs);
  try {
    const past = await shards.pastTraces(ids, tenant, within);
    return new Set(ids.filter((_, i) => past.some((ofShard) => mayBeThere(ofShard[i]))));
  } catch (error) {
    if (within.aborted) return new Set();
    throw error;
  }
}

/** Of one that is not whole, what was left out may be all of it. */
const mayBeThere = (past: PastTrace | undefined): boolean => past !== undefined && (past.spans > 0 || !past.isWhole);
