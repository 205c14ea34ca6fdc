import { Unavailable } from '../errors.ts';
import type { KeepAnswer, KeepRequest } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import type { Member } from '../model/member.ts';
import type { Tenants } from '../model/tenant.ts';
import { saysNoTrace } from '../store/trace-answer.ts';
import type { OwnAnswers, SimulateRequest, TempoAnswer } from '../telemetry/sources.ts';
import type { AskMember } from './ask-member.ts';
import { type FleetSeen, firstOf, fromEach, othersFor, othersOf, wordsOf } from './in-turn.ts';
import { mergeKept } from './merge-kept.ts';
import { mergeSearches } from './merge-search.ts';
import { mergeSimulations } from './merge-simulations.ts';
import { jsonOf, type PutTo, putToMembers, reasonOf } from './put-to-members.ts';

type Asked = Required<OwnAnswers>;

interface FleetParts {
  readonly fleet: FleetSeen;
  readonly ask: AskMember;
  /** What this gateway says of its own. */
  readonly own: OwnAnswers;
  readonly tenants: Tenants | undefined;
}

const tracePath = /^\/api\/(?:v2\/)?traces\/([0-9a-fA-F]{1,32})$/;

/**
 * Questions about traces, answered for the whole fleet by whichever gateway is asked: those about one trace by its owner,
 * and where that has nothing of it by anybody who has; those about many by all of them. What lacks somebody's part
 * says so.
 */
export function fleetWide({ fleet, ask, own, tenants }: FleetParts): Asked {
  const members = putToMembers(ask, tenants);

  /** Of one trace, what somebody else has; throws Unavailable where nobody has, and somebody may who does not answer. */
  const elsewhere = async <T>(traceId: string, askOne: (member: Member) => Promise<T | undefined>) => {
    const { found, unanswered } = await firstOf(othersFor(fleet, traceId), askOne);
    if (found !== undefined || unanswered.length === 0) return found;
    const unknown = `nobody who answers knows of trace ${traceId}, and of these it is not known`;
    throw new Unavailable(`${unknown}: ${wordsOf(unanswered)}`);
  };

  const explain: Asked['explain'] = async (traceId, tenant, over) => {
    const mine = await own.explain(traceId, tenant, over);
    if (mine !== undefined) return mine;
    const putTo = members.get('explain', `/api/explain/${traceId}`, { tenant, over });
    return elsewhere(traceId, async (member) => {
      const answer = await putTo(member);
      return answer.status === 200 ? { ...(jsonOf(answer) as Explanation), gateway: member.name } : undefined;
    });
  };

  const trace = async (asked: Parameters<Asked['tempo']>, traceId: string): Promise<TempoAnswer> => {
    const [, url, accept, over, tenant] = asked;
    const mine = await own.tempo?.(...asked);
    if (mine !== undefined && !saysNoTrace(mine)) return mine;
    const putTo = members.get('trace', pathOf(url), { tenant, over }, accept);
    const found = await elsewhere(traceId, async (member) => {
      const answer = await putTo(member);
      if (answer.status !== 200 || saysNoTrace(answer)) return undefined;
      return { ...answer, headers: { ...answer.headers, 'x-tailgate-gateway': encodeURIComponent(member.name) } };
    });
    return found ?? mine ?? notFound;
  };

  const search = async (asked: Parameters<Asked['tempo']>): Promise<TempoAnswer> => {
    const [, url, accept, over, tenant] = asked;
    const limit = Number(url.searchParams.get('limit') ?? '');
    // Reading the address changes it.
    const others = fromEach(othersOf(fleet), members.get('search', pathOf(url), { tenant, over }, accept));
    const mine = await own.tempo?.(...asked);
    const { answers, unanswered } = await others;
    const all = [...(mine ? [mine] : []), ...answers];
    const wrong = all.find(({ status }) => status === 400);
    return wrong ?? mergeSearches(all, unanswered, limit > 0 ? limit : undefined);
  };

  const tempo: Asked['tempo'] = async (...asked) => {
    const { pathname } = asked[1];
    const [, hex] = tracePath.exec(pathname) ?? [];
    if (hex !== undefined) return await trace(asked, hex.toLowerCase().padStart(32, '0'));
    return pathname === '/api/search' ? await search(asked) : await own.tempo?.(...asked);
  };

  const keep: Asked['keep'] = async (asked, tenant, over) => {
    const others = (body: object) => fromEach(othersOf(fleet), keptBy(members.post('keep', body, { tenant, over })));
    const keepHere = async () => (await own.keep?.(asked, tenant, over)) ?? { traces: [] };
    if ('query' in asked) {
      const theirs = others(queryOf(asked));
      const mine = await keepHere();
      const { answers, unanswered } = await theirs;
      return mergeKept([mine, ...answers], unanswered);
    }
    const mine = await keepHere();
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

  const simulate: Asked['simulate'] = async (asked, tenant, over) => {
    const putTo = members.post('simulate', bodyOf(asked), { tenant, over });
    const theirs = fromEach(othersOf(fleet), async (member) => ({ name: member.name, answer: await putTo(member) }));
    const mine = await own.simulate?.(asked, tenant, over);
    return mergeSimulations({ self: fleet.self, mine, ...(await theirs) });
  };

  return { explain, tempo, keep, simulate };
}

const notFound = { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'trace not found' };

/** A gateway without a window brings nothing back. */
const keptBy =
  (putTo: PutTo) =>
  async (member: Member): Promise<KeepAnswer> => {
    const answer = await putTo(member);
    if (answer.status === 404) return { traces: [] };
    if (answer.status !== 200) throw new Error(`answered ${answer.status}${reasonOf(answer)}`);
    return jsonOf(answer) as KeepAnswer;
  };

function unknownOf(ids: readonly string[], { traces }: KeepAnswer): readonly string[] {
  const done = new Set(traces.filter(({ state }) => state !== 'not_found').map(({ traceId }) => traceId));
  return ids.filter((id) => !done.has(id));
}

const queryOf = ({ query, lastMs }: Extract<KeepRequest, { readonly query: string }>) => ({ query, ...lastOf(lastMs) });

const bodyOf = ({ rules, overFile, lastMs }: SimulateRequest): object => ({
  ...(rules !== undefined && { rules }),
  ...(overFile && { over: 'file' }),
  ...lastOf(lastMs),
});

const lastOf = (ms: number | undefined) => (ms === undefined ? {} : { last: `${Math.ceil(ms)}ms` });

const pathOf = (url: URL): string => `${url.pathname}${url.search}`;
