import type { Member } from '../model/member.ts';
import type { Tenant, Tenants } from '../model/tenant.ts';
import type { AskMember, MemberAnswer, Question } from './ask-member.ts';

/**
 * How long another gateway may take for each kind of answer. Whoever asks gets what there is while he still waits: obsctl
 * does so for 10 s, for simulations 45 s.
 */
const withinMs = { explain: 2_500, trace: 4_000, search: 8_000, keep: 20_000, simulate: 40_000 };

/** Whose traces a question is about, and until when somebody waits for the answer. */
interface Asking {
  readonly tenant: Tenant;
  readonly over: AbortSignal;
}

/** Puts one question to whichever member; rejects where that has no answer to it, with why. */
export type PutTo = (member: Member) => Promise<MemberAnswer>;

interface PutToMembers {
  get(kind: 'explain' | 'trace' | 'search', path: string, asking: Asking, accept?: string): PutTo;
  post(kind: 'keep' | 'simulate', body: object, asking: Asking): PutTo;
}

/** Questions as one gateway's admin port puts them to another's. */
export function putToMembers(ask: AskMember, tenants: Tenants | undefined): PutToMembers {
  const put = (question: Omit<Question, 'headers'>, { tenant, over }: Asking): PutTo => {
    const whole = { ...question, headers: tenants === undefined ? {} : { [tenants.header]: tenant.name } };
    return async (member) => {
      const answer = await ask(member, whole, over);
      if (isNone(answer)) throw new Error(`answered ${answer.status}${reasonOf(answer)}`);
      return answer;
    };
  };
  return {
    get: (kind, path, asking, accept = '') => put({ method: 'GET', path, accept, withinMs: withinMs[kind] }, asking),
    post: (kind, body, asking) =>
      put({ method: 'POST', path: `/api/${kind}`, body: JSON.stringify(body), withinMs: withinMs[kind] }, asking),
  };
}

const isNone = ({ status }: MemberAnswer): boolean => status >= 500 || [401, 403, 429].includes(status);

export const jsonOf = ({ body }: MemberAnswer): unknown => JSON.parse(body.toString('utf8'));

/** Behind the status: what a member says of why it has no answer. */
export function reasonOf({ body }: MemberAnswer): string {
  const said = body.toString('utf8', 0, 300).trim();
  try {
    const { error } = JSON.parse(said) as { error?: unknown };
    return typeof error === 'string' ? `: ${error}` : '';
  } catch {
    return said === '' ? '' : `: ${said.split('\n')[0]}`;
  }
}
