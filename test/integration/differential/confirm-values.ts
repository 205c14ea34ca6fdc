import type { Pair } from './pair.ts';
import { type Doubt, doubts } from './route-answers.ts';
import type { RouteQuestion } from './route-questions.ts';

const path = /^\/api\/v2\/search\/tag\/(.*)\/values$/;

/**
 * Whether Tempo's own search says that our list of values is the right one, where a filter makes its list another: that
 * it finds spans with each value that only we list, and none with those that only it lists.
 */
export async function searchConfirmsOurs(question: RouteQuestion, pair: Pair): Promise<boolean> {
  const field = decodeURIComponent(path.exec(question.path)?.[1] ?? '');
  const filter = /^\{(.+)\}$/.exec(question.parameters?.q ?? '')?.[1];
  if (field === '' || filter === undefined) return false;
  const answers = [
    await pair.tempo(question.path, question.parameters ?? {}),
    await pair.ours(question.path, question.parameters ?? {}),
  ];
  if (answers.some(({ status }) => status !== 200)) return false;
  for (const doubt of doubts(answers[0], answers[1])) {
    const { body } = await pair.tempo('/api/search', {
      q: `{ (${filter}) && ${field} = ${literal(doubt)} }`,
      limit: '1',
    });
    const { traces = [] } = JSON.parse(body.toString()) as { traces?: unknown[] };
    if (doubt.inTempo === traces.length > 0) return false;
  }
  return true;
}

const literal = ({ type, value }: Doubt): string => (type === 'string' ? JSON.stringify(value) : value);
