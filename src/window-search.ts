import { Unavailable } from './errors.ts';
import type { PastTrace } from './model/past-trace.ts';
import type { Tenant, Tenants } from './model/tenant.ts';
import { tenantsOf } from './model/tenant.ts';
import { BadRequest } from './store/bad-request.ts';
import { Duplicates } from './store/join-duplicates.ts';
import type { TempoAnswer } from './store/messages.ts';
import { Abandoned, besidePathMs, inTurn, Pace, Turns } from './store/pace.ts';
import { Queries, usualLimits } from './store/queries.ts';
import { jsonText, plain } from './store/respond.ts';
import { metricsJson, plainTraceJson, traceJson } from './store/search-json.ts';
import { parseSearchRequest } from './store/search-request.ts';
import { shownFields } from './store/shown-fields.ts';
import { TraceView } from './store/trace-view.ts';
import type { Shards } from './threads/shards.ts';
import { compileSpansets, matchSteps, QueryFailure } from './traceql/evaluate.ts';
import { askedNow, missingSpans } from './window-missing.ts';

type Searching = Pick<Shards, 'pastCandidates' | 'pastTraces' | 'explain'>;

/** Each takes turns with the path in all shards. */
const limits = { ...usualLimits, maxRunning: 1, maxWaiting: 20 };
/** Traces that are read at a time. */
const tracesAtOnce = 50;

/** A trace that was found, with what became of it. */
interface FoundInWindow {
  readonly traceId: string;
  readonly verdict: string;
  readonly json: string;
}

interface Search {
  readonly found: readonly FoundInWindow[];
  readonly isWhole: boolean;
}

/**
 * Search over all that is in the window, kept or dropped: `/api/search` with `window=true`, answered as Tempo does and
 * with the verdict beside each trace. What is looked for is looked for in what may be seen: after redaction.
 */
export class WindowSearch {
  readonly #shards: Searching;
  readonly #turns = new Turns();
  readonly #queries: readonly Queries[];

  constructor(shards: Searching, tenants: Tenants | undefined) {
    this.#shards = shards;
    this.#queries = tenantsOf(tenants).map(
      (tenant) =>
        new Queries(({ query }) => {
          const gone = new AbortController();
          return {
            answer: this.#answer(query, tenant, gone.signal),
            abandon: () => gone.abort(new Abandoned('nobody waits for the answer')),
          };
        }, limits),
    );
  }

  /** The answer of /api/search, or why there is none. */
  answer(params: URLSearchParams, tenant: Tenant, over?: AbortSignal): Promise<TempoAnswer> {
    return this.#queries[tenant.index].answer({ path: '/api/search', query: params.toString(), accept: '' }, over);
  }

  async #answer(query: string, tenant: Tenant, over: AbortSignal): Promise<TempoAnswer> {
    try {
      const { found, isWhole } = await this.search(new URLSearchParams(query), tenant, over);
      const traces = found.map(({ json }) => json).join();
      const status = isWhole ? '' : ',"status":"PARTIAL"';
      // What was looked at was chosen by bytes that nobody may see: its number would tell of them.
      const metrics = metricsJson({ traces: found.length, bytes: 0 });
      return jsonText(`{"traces":[${traces}],"metrics":${JSON.stringify(metrics)}${status}}`);
    } catch (error) {
      if (error instanceof BadRequest || error instanceof QueryFailure) return plain(400, error.message);
      if (error instanceof Unavailable) return plain(503, error.message);
      throw error;
    }
  }

  /** Newest first, by when they were last heard of. Throws BadRequest; rejects soon when `over` is aborted. */
  async search(params: URLSearchParams, tenant: Tenant, over: AbortSignal): Promise<Search> {
    const { query, isTraceQL, window, limit, spansPerSpanSet } = parseSearchRequest(params);
    const each = await this.#shards.pastCandidates(params.toString(), tenant.index, over);
    const ids = newestFirst(each.map(({ traceIds }) => traceIds));
    const fields = shownFields(query);
    const compiled = compileSpansets(query.spansets, query.select);
    const pace = Pace.until(over, this.#turns, besidePathMs);
    const found: FoundInWindow[] = [];
    let isWhole = each.every((candidates) => candidates.isWhole);
    for (let from = 0; from < ids.length && found.length < limit; from += tracesAtOnce) {
      const some = ids.slice(from, from + tracesAtOnce);
      const askedAt = askedNow();
      const past = await this.#shards.pastTraces(some, tenant.index, over);
      for (const [i, traceId] of some.entries()) {
        const parts = past.map((ofShard) => ofShard[i]);
        isWhole &&= parts.every((part) => part.isWhole);
        const trace = await viewOf(traceId, parts, pace);
        if (trace === undefined || !isInside(trace, window)) continue;
        const sets = await inTurn(matchSteps(compiled, trace.spans), pace);
        if (sets.length === 0 || found.length >= limit) continue;
        const tailgate = await this.#becameOf(traceId, tenant, parts, askedAt);
        const match = { trace, sets };
        const shown = isTraceQL ? await inTurn(traceJson(match, fields, spansPerSpanSet), pace) : plainTraceJson(match);
        found.push({ traceId, verdict: tailgate.verdict, json: JSON.stringify({ ...shown, tailgate }) });
      }
    }
    return { found, isWhole };
  }

  async #becameOf(traceId: string, tenant: Tenant, past: readonly PastTrace[], askedAt: number) {
    const explanation = await this.#shards.explain(traceId, tenant.index, []);
    const { verdict = 'forgotten', policy = '' } = explanation ?? {};
    const spans = past.reduce((sum, ofShard) => sum + ofShard.spans, 0);
    const missing = missingSpans(explanation, spans, askedAt);
    return { verdict, policy, ...(missing > 0 && { missingSpans: missing }) };
  }
}

/** Each once, from lists of which the newest stands at the end. */
function newestFirst(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  const ids = new Set<string>();
  for (let n = 1; n <= longest; n++) for (const list of lists) if (n <= list.length) ids.add(list[list.length - n]);
  return [...ids];
}

async function viewOf(traceId: string, past: readonly PastTrace[], pace: Pace): Promise<TraceView | undefined> {
  const trace = new TraceView(traceId);
  const duplicates = new Duplicates();
  for (const part of past.flatMap(({ parts }) => parts)) {
    trace.add(duplicates.leftOut(part));
    if (pace.isOver) await pace.next();
  }
  return trace.spans.length === 0 ? undefined : trace;
}

const isInside = (trace: TraceView, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): boolean => {
  const endNs = trace.startNs + trace.durationNs;
  return Number(trace.startNs / 1_000_000n) <= toMs && Number((endNs + 999_999n) / 1_000_000n) >= fromMs;
};
