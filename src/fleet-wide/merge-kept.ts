import type { KeepAnswer, KeptTrace } from '../model/brought-back.ts';
import type { Unanswered } from './in-turn.ts';

/** What became of a trace anywhere is what became of it; the further to the left, the more that is. */
const ranks: readonly KeptTrace['state'][] = ['brought', 'kept', 'waiting', 'busy', 'no_room', 'not_found'];

/** The answers of several gateways to one wish as one. */
export function mergeKept(answers: readonly KeepAnswer[], unanswered: readonly Unanswered[]): KeepAnswer {
  const byId = new Map<string, KeptTrace>();
  for (const trace of answers.flatMap(({ traces }) => traces)) {
    const known = byId.get(trace.traceId);
    byId.set(trace.traceId, known === undefined ? trace : better(known, trace));
  }
  const isWhole = unanswered.length === 0 && answers.every((answer) => answer.isWhole !== false);
  const saysWhole = answers.some((answer) => answer.isWhole !== undefined) || unanswered.length > 0;
  return {
    traces: [...byId.values()],
    ...(saysWhole && { isWhole }),
    ...(unanswered.length > 0 && { unanswered }),
  };
}

function better(a: KeptTrace, b: KeptTrace): KeptTrace {
  const [first] = ranks.indexOf(a.state) <= ranks.indexOf(b.state) ? [a] : [b];
  const isPart = a.isWhole === false || b.isWhole === false;
  return { ...first, spans: a.spans + b.spans, ...(isPart && { isWhole: false }) };
}
