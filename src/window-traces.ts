import { setImmediate as nextTurn } from 'node:timers/promises';
import { Unavailable } from './errors.ts';
import type { Explanation } from './model/explanation.ts';
import type { PastTrace } from './model/past-trace.ts';
import { type Tenant, type Tenants, tenantsOf } from './model/tenant.ts';
import { Duplicates } from './store/join-duplicates.ts';
import type { TempoAnswer, TempoRequest } from './store/messages.ts';
import { besidePathMs, Pace, Turns } from './store/pace.ts';
import { type Asked, Queries, usualLimits } from './store/queries.ts';
import { plain } from './store/respond.ts';
import type { StoredParts } from './store/search.ts';
import { saysNoTrace, traceV1, traceV2 } from './store/trace-answer.ts';
import type { AdminSources } from './telemetry/sources.ts';
import type { Shards } from './threads/shards.ts';
import { askedNow, missingSpans } from './window-missing.ts';
import type { WindowSearch } from './window-search.ts';

type Tempo = NonNullable<AdminSources['tempo']>;

/** Of what is written in this thread, which may have the path beside it. */
const turns = new Turns();

const tracePath = /^\/api\/(v2\/)?traces\/([0-9a-fA-F]{1,32})$/;

/**
 * Tempo's read API, in which traces are found that the store does not have, as long as they are in the window: those
 * that wait, and those that were dropped; with `window=true` all of the window is searched. Such an answer says what became of the trace in headers that Tempo's clients
 * leave alone.
 */
export function withWindow(
  tempo: Tempo | undefined,
  search: WindowSearch,
  shards: Pick<Shards, 'pastTraces' | 'explain'>,
  tenants: Tenants | undefined,
): Tempo {
  // Who asks too much at a time is told so, and no other tenant.
  const readers = tenantsOf(tenants).map((each) => new Queries((request) => asked(request, each, shards), usualLimits));
  return async (method, url, accept, over, tenant) => {
    const { pathname, searchParams } = url;
    if (pathname === '/api/search' && searchParams.get('window') === 'true') {
      searchParams.delete('window');
      return search.answer(searchParams, tenant, over);
    }
    const answer = await tempo?.(method, url, accept, over, tenant);
    const isTrace = tracePath.test(url.pathname) && (method === 'GET' || method === 'HEAD');
    if (!isTrace || (answer !== undefined && !saysNoTrace(answer))) return answer;
    const found = await readers[tenant.index].answer({ path: url.pathname, query: '', accept }, over);
    return saysNoTrace(found) ? (answer ?? found) : found;
  };
}

function asked(request: TempoRequest, tenant: Tenant, shards: Pick<Shards, 'pastTraces' | 'explain'>): Asked {
  const gone = new AbortController();
  return { answer: answer(request, tenant, { shards, over: gone.signal }), abandon: () => gone.abort() };
}

interface Asking {
  readonly shards: Pick<Shards, 'pastTraces' | 'explain'>;
  readonly over: AbortSignal;
}

async function answer(
  { path, accept }: TempoRequest,
  { index }: Tenant,
  { shards, over }: Asking,
): Promise<TempoAnswer> {
  const [, v2, hex] = tracePath.exec(path) ?? [];
  const traceId = hex.toLowerCase().padStart(32, '0');
  try {
    const askedAt = askedNow();
    const pace = Pace.until(over, turns, besidePathMs);
    const past = (await shards.pastTraces([traceId], index, over)).flat();
    const spans = past.reduce((sum, each) => sum + each.spans, 0);
    if (spans === 0) return plain(404, 'trace not found');
    const explanation = await shards.explain(traceId, index, []);
    const missing = missingSpans(explanation, spans, askedAt);
    const found = await (v2 ? traceV2 : traceV1)(partsOf(past, missing), { accept, pace });
    return { ...found, headers: { ...found.headers, ...verdictHeaders(explanation, missing) } };
  } catch (error) {
    if (error instanceof Unavailable) return plain(503, error.message);
    throw error;
  }
}

/** Each span once, and other work has its turn between the parts; `missing`: how many spans are. */
function partsOf(past: readonly PastTrace[], missing: number): StoredParts {
  const bodies = past.flatMap(({ parts }) => parts);
  const duplicates = new Duplicates();
  const read = {
    bytes: bodies.reduce((sum, { length }) => sum + length, 0),
    isWhole: past.every(({ isWhole }) => isWhole),
    ...(missing > 0 && { missing: `${missing} of its spans ${missing === 1 ? 'is' : 'are'} not in the window` }),
  };
  async function* parts() {
    for (const body of bodies) {
      yield duplicates.leftOut(body);
      await nextTurn();
    }
  }
  return { read, parts: parts() };
}

/** Policy names may be of any letters, and headers may not. */
function verdictHeaders(explanation: Explanation | undefined, missing: number): Record<string, string> {
  const { verdict = 'forgotten', policy = '' } = explanation ?? {};
  return {
    'x-tailgate-found-in': 'window',
    'x-tailgate-verdict': verdict,
    ...(missing > 0 && { 'x-tailgate-missing-spans': String(missing) }),
    ...(policy !== '' && { 'x-tailgate-policy': encodeURIComponent(policy) }),
  };
}
