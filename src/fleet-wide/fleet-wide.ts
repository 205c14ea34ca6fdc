import { Unavailable } from '../errors.ts';
import type { KeepAnswer, KeepRequest } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import type { Member } from '../model/member.ts';
import type { Tenant, Tenants } from '../model/tenant.ts';
import type { Simulation } from '../simulate/simulation.ts';
import { sumOf } from '../simulate/sum.ts';
import { saysNoTrace } from '../store/trace-answer.ts';
import type { OwnAnswers, SimulateAnswer, SimulateRequest, TempoAnswer } from '../telemetry/sources.ts';
import type { AskMember, MemberAnswer, Question } from './ask-member.ts';
import { type FleetSeen, firstOf, fromEach, othersFor, othersOf, type Unanswered, wordsOf } from './in-turn.ts';
import { mergeKept } from './merge-kept.ts';
import { mergeSearches } from './merge-search.ts';

type Asked = OwnAnswers;

interface FleetParts {
  readonly fleet: FleetSeen;
  readonly ask: AskMember;
  /** What this gateway says of its own. */
  readonly own: Asked;
  readonly tenants: Tenants | undefined;
}

/**
 * How long another gateway may take for each kind of answer. Whoever asks gets what there is while he still waits: obsctl
 * does so for 10 s, for simulations 45 s.
 */
const withinMs = { explain: 2_500, trace: 4_000, search: 8_000, keep: 20_000, simulate: 40_000 };

const tracePath = /^\/api\/(?:v2\/)?traces\/([0-9a-fA-F]{1,32})$/;

/**
 * Questions about traces, answered for the whole fleet by whichever gateway is asked: those about one trace by its owner,
 * and where that has nothing of it by anybody who has; those about many by all of them. What lacks somebody's part
 * says so.
 */
export function fleetWide({ fleet, ask, own, tenants }: FleetParts): Required<Asked> {
  const whose = ({ name }: Tenant): Record<string, string> => (tenants === undefined ? {} : { [tenants.header]: name });
  const put = async (member: Member, question: Question, over: AbortSignal): Promise<MemberAnswer> => {
    const answer = await ask(member, question, over);
    if (answer.status >= 500 || answer.status === 401 || answer.status === 403 || answer.status === 429)
      throw new Error(`answered ${answer.status}${reasonOf(answer)}`);
    return answer;
  };

  const explain: Asked['explain'] = async (traceId, tenant, over) => {
    const mine = await own.explain(traceId, tenant, over);
    if (mine !== undefined) return mine;
    const question = {
      method: 'GET',
      path: `/api/explain/${traceId}`,
      headers: whose(tenant),
      withinMs: withinMs.explain,
    } as const;
    const { found, unanswered } = await firstOf(othersFor(fleet, traceId), async (member) => {
      const answer = await put(member, question, over);
      return answer.status === 200 ? { ...(jsonOf(answer) as Explanation), gateway: member.name } : undefined;
    });
    if (found === undefined && unanswered.length > 0) throw new Unavailable(nobodyKnows(traceId, unanswered));
    return found;
  };

  const trace = async (
    asked: Parameters<NonNullable<Asked['tempo']>>,
    traceId: string,
  ): Promise<TempoAnswer | undefined> => {
    const [, url, accept, over, tenant] = asked;
    const mine = await own.tempo?.(...asked);
    if (mine !== undefined && !saysNoTrace(mine)) return mine;
    const question = {
      method: 'GET',
      path: pathOf(url),
      accept,
      headers: whose(tenant),
      withinMs: withinMs.trace,
    } as const;
    const { found, unanswered } = await firstOf(othersFor(fleet, traceId), async (member) => {
      const answer = await put(member, question, over);
      if (answer.status !== 200 || saysNoTrace(answer)) return undefined;
      return { ...answer, headers: { ...answer.headers, 'x-tailgate-gateway': encodeURIComponent(member.name) } };
    });
    if (found !== undefined) return found;
    if (unanswered.length > 0) throw new Unavailable(nobodyKnows(traceId, unanswered));
    return mine ?? { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'trace not found' };
  };

  const search = async (asked: Parameters<NonNullable<Asked['tempo']>>): Promise<TempoAnswer> => {
    const [, url, accept, over, tenant] = asked;
    const limit = Number(url.searchParams.get('limit') ?? '');
    // Reading the address changes it.
    const question = {
      method: 'GET',
      path: pathOf(url),
      accept,
      headers: whose(tenant),
      withinMs: withinMs.search,
    } as const;
    const others = fromEach(othersOf(fleet), (member) => put(member, question, over));
    const mine = await own.tempo?.(...asked);
    const { answers, unanswered } = await others;
    const all = [...(mine ? [mine] : []), ...answers];
    const wrong = all.find(({ status }) => status === 400);
    return wrong ?? mergeSearches(all, unanswered, limit > 0 ? limit : undefined);
  };

  const tempo: Required<Asked>['tempo'] = async (...asked) => {
    const { pathname } = asked[1];
    const [, hex] = tracePath.exec(pathname) ?? [];
    if (hex !== undefined) return await trace(asked, hex.toLowerCase().padStart(32, '0'));
    return pathname === '/api/search' ? await search(asked) : await own.tempo?.(...asked);
  };

  const keepAt = async (member: Member, body: object, tenant: Tenant, over: AbortSignal): Promise<KeepAnswer> => {
    const question = { method: 'POST', path: '/api/keep', body: JSON.stringify(body), headers: whose(tenant) } as const;
    const answer = await put(member, { ...question, withinMs: withinMs.keep }, over);
    if (answer.status === 404) return { traces: [] };
    if (answer.status !== 200) throw new Error(`answered ${answer.status}${reasonOf(answer)}`);
    return jsonOf(answer) as KeepAnswer;
  };

  const keep: Required<Asked>['keep'] = async (asked, tenant, over) => {
    const others = (body: object) => fromEach(othersOf(fleet), (member) => keepAt(member, body, tenant, over));
    if ('query' in asked) {
      const theirs = others(queryOf(asked));
      const mine = (await own.keep?.(asked, tenant, over)) ?? { traces: [] };
      const { answers, unanswered } = await theirs;
      return mergeKept([mine, ...answers], unanswered);
    }
    const mine = (await own.keep?.(asked, tenant, over)) ?? { traces: [] };
    const left = unknownOf(asked.ids, mine);
    if (left.length === 0) return mine;
    const { answers, unanswered } = await others({ ids: left });
    const all = mergeKept([mine, ...answers], unanswered);
    const known = new Map(all.traces.map((it) => [it.traceId, it]));
    return {
      ...all,
      traces: asked.ids.map((traceId) => known.get(traceId) ?? { traceId, state: 'not_found', spans: 0 }),
    };
  };

  const simulate: Required<Asked>['simulate'] = async (asked, tenant, over) => {
    const question = {
      method: 'POST',
      path: '/api/simulate',
      body: JSON.stringify(bodyOf(asked)),
      headers: whose(tenant),
      withinMs: withinMs.simulate,
    } as const;
    const theirs = fromEach(othersOf(fleet), async (member) => ({ member, answer: await put(member, question, over) }));
    const mine = await own.simulate?.(asked, tenant, over);
    const { answers, unanswered } = await theirs;
    if (mine !== undefined && mine.status !== 200) return mine;
    return summed(fleet.self, mine, answers, unanswered);
  };

  return { explain, tempo, keep, simulate };
}

function summed(
  self: string,
  mine: SimulateAnswer | undefined,
  answers: readonly { readonly member: Member; readonly answer: MemberAnswer }[],
  unanswered: readonly Unanswered[],
): SimulateAnswer {
  const good = answers.filter(({ answer }) => answer.status === 200);
  const refusal = answers.find(({ answer }) => answer.status === 400)?.answer;
  const each = [...(mine ? [mine.body as Simulation] : []), ...good.map(({ answer }) => jsonOf(answer) as Simulation)];
  if (each.length === 0 && refusal) return { status: 400, body: jsonOf(refusal) as object };
  if (each.length === 0)
    throw new Unavailable(`no gateway can try rules: ${wordsOf(unanswered) || 'none has a window'}`);
  const [{ rules }] = each;
  const sum = sumOf(each);
  const gateways = [...(mine ? [self] : []), ...good.map(({ member }) => member.name)].sort();
  const isPartial = unanswered.length > 0 || refusal !== undefined;
  return {
    status: 200,
    body: {
      ...(rules !== undefined && { rules }),
      ...sum,
      complete: sum.complete && !isPartial,
      gateways,
      ...(unanswered.length > 0 && { unanswered }),
    },
  };
}

const queryOf = ({ query, lastMs }: Extract<KeepRequest, { readonly query: string }>): object => ({
  query,
  ...(lastMs !== undefined && { last: `${Math.ceil(lastMs)}ms` }),
});

function unknownOf(ids: readonly string[], { traces }: KeepAnswer): readonly string[] {
  const done = new Set(traces.filter(({ state }) => state !== 'not_found').map(({ traceId }) => traceId));
  return ids.filter((id) => !done.has(id));
}

const bodyOf = ({ rules, overFile, lastMs }: SimulateRequest): object => ({
  ...(rules !== undefined && { rules }),
  ...(overFile && { over: 'file' }),
  ...(lastMs !== undefined && { last: `${Math.ceil(lastMs)}ms` }),
});

const nobodyKnows = (traceId: string, unanswered: readonly Unanswered[]): string =>
  `nobody who answers knows of trace ${traceId}, and of these it is not known: ${wordsOf(unanswered)}`;

const pathOf = (url: URL): string => `${url.pathname}${url.search}`;
const jsonOf = ({ body }: MemberAnswer): unknown => JSON.parse(body.toString('utf8'));

function reasonOf({ body }: MemberAnswer): string {
  const said = body.toString('utf8', 0, 300).trim();
  try {
    const { error } = JSON.parse(said) as { error?: unknown };
    return typeof error === 'string' ? `: ${error}` : '';
  } catch {
    return said === '' ? '' : `: ${said.split('\n')[0]}`;
  }
}
