import { printable } from './cells.ts';

/** What became of a trace, as the gateway says it; '' where nobody does. */
export interface Became {
  /** `keep`, `drop`, `waiting`, or `forgotten` where the decision is too long ago. */
  readonly verdict: string;
  readonly policy: string;
}

const words: Readonly<Record<string, string>> = {
  keep: 'kept',
  drop: 'dropped',
  waiting: 'waiting',
  forgotten: 'forgotten',
};

/** In a word, for a column; of one that a newer gateway says, its own. */
export const verdictWord = (verdict = ''): string => words[verdict] ?? printable(verdict);

/** With who decided, or why nobody did. */
export function verdictText({ verdict, policy }: Became, paint = (word: string): string => word): string {
  const word = paint(verdictWord(verdict));
  if (verdict === 'waiting') return `${word}: not decided yet`;
  if (verdict === 'forgotten') return `${word}: decided too long ago`;
  if (policy !== '' && policy !== 'none') return `${word} by ${printable(policy)}`;
  return verdict === 'drop' ? `${word}: no policy kept it` : word;
}

/** Of a trace that only the window has. */
export function pastText(past: Became): string {
  const text = verdictText(past);
  if (past.verdict === 'waiting') return `${text}, more of it may come`;
  const more = past.verdict === 'drop' ? ': obsctl explain says more' : '';
  return `${text}; it is in the window for some minutes${more}`;
}
