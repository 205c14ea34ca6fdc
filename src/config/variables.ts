import type { Scalar } from 'yaml';
import type { PlacedProblem, ReadText } from './yaml-tree.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * References are written `${env:NAME}` or `${env:NAME:-default}`. YAML is parsed first and variables are put into its
 * texts, so nothing in a variable's text has a meaning of YAML's: it arrives whole. The braces alone would be YAML's
 * inside `{ }` and `[ ]`; while it is parsed, two characters that Unicode keeps for such use stand in their places.
 */
const [open, close] = ['\uFDD0', '\uFDD1'];
const written = /\$\{(env:[A-Za-z_]\w*(?::-[^}\n]*)?)\}/g;
const hidden = /\$\uFDD0env:([A-Za-z_]\w*)(?::-([^\uFDD1]*))?\uFDD1/g;
/** What somebody wrote who meant a reference: `${HOME}`, or `${env:` that never closes. */
const almost = /\$\{(?:env:[^}\n]*\}?|[A-Za-z_]\w*(?::-[^}\n]*)?\})/g;

/** The text for the parser; every character stays where it is. */
export function hideReferences(text: string): string {
  return text.replace(written, `$$${open}$1${close}`);
}

/** Back again, for what is told of it. */
export function showReferences(text: string): string {
  return text.replaceAll(open, '{').replaceAll(close, '}');
}

/**
 * Puts variables into texts of a parsed document. As in a shell, the default stands for a variable that is unset or
 * empty; without one it is empty text. What comes of it is text, also where it looks like a number.
 */
export function putVariables(text: string, env: Variables): { put: ReadText; problems: PlacedProblem[] } {
  const problems: PlacedProblem[] = [];
  const put = (value: string, node: Scalar): string => {
    if (!value.includes('$')) return value;
    for (const [wrong] of showReferences(value.replace(hidden, '')).matchAll(almost)) {
      const [start, end] = node.range ?? [0, 0];
      const offset = start + Math.max(0, text.slice(start, end).indexOf(wrong));
      problems.push({ path: [], offset, message: `${wrong}: expected \${env:NAME} or \${env:NAME:-default}` });
    }
    return value.replace(
      hidden,
      (_, name: string, fallback = '') => (Object.hasOwn(env, name) && env[name]) || fallback,
    );
  };
  return { put, problems };
}
