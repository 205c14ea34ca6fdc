import { Unavailable } from '../errors.ts';
import type { Simulation } from '../simulate/simulation.ts';
import { sumOf } from '../simulate/sum.ts';
import type { SimulateAnswer } from '../telemetry/sources.ts';
import type { MemberAnswer } from './ask-member.ts';
import { type Unanswered, wordsOf } from './in-turn.ts';
import { jsonOf } from './put-to-members.ts';

interface Simulated {
  /** This gateway's name, and its answer where it has a window. */
  readonly self: string;
  readonly mine: SimulateAnswer | undefined;
  readonly answers: readonly { readonly name: string; readonly answer: MemberAnswer }[];
  readonly unanswered: readonly Unanswered[];
}

/** What rules would keep of all windows, as one answer that says whose they are. */
export function mergeSimulations({ self, mine, answers, unanswered }: Simulated): SimulateAnswer {
  if (mine !== undefined && mine.status !== 200) return mine;
  const good = answers.filter(({ answer }) => answer.status === 200);
  const refusal = answers.find(({ answer }) => answer.status === 400)?.answer;
  const each = [...(mine ? [mine.body as Simulation] : []), ...good.map(({ answer }) => jsonOf(answer) as Simulation)];
  if (each.length === 0 && refusal) return { status: 400, body: jsonOf(refusal) as object };
  if (each.length === 0)
    throw new Unavailable(`no gateway can try rules: ${wordsOf(unanswered) || 'none has a window'}`);
  const [{ rules }] = each;
  const sum = sumOf(each);
  const gateways = [...(mine ? [self] : []), ...good.map(({ name }) => name)].sort();
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
