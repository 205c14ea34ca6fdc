import type { BaseIssue } from 'valibot';
import { LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { Problem } from '../model/rules.ts';
import { toLine } from '../units.ts';
import { nestedTooDeepAt } from './nesting.ts';
import { hideReferences, putVariables, showReferences, type Variables } from './variables.ts';
import { readTree, type YamlTree } from './yaml-tree.ts';

/** A YAML (or JSON) text: its plain value, and for every path in it the place where an operator finds it. */
export interface YamlText {
  readonly value: unknown;
  /** There is nothing in it but blanks and comments. */
  readonly empty: boolean;
  /** What is no YAML, or has no meaning as such, as `name:line: what`. */
  readonly errors: readonly string[];
  /** `name:line: key.path: message` for each problem, from top to bottom. */
  report(problems: readonly Problem[]): string[];
}

interface YamlOptions {
  /** How errors name a line of the text; `name:line` where left out. */
  readonly place?: ((line: number) => string) | undefined;
  /** Replaces `${env:NAME}` in names and values. Left out: it stays as it is. */
  readonly env?: Variables;
}

/** `name` is what errors call the text, a file's path or a Consul key. */
export function readYaml(text: string, name: string, options: YamlOptions = {}): YamlText {
  const { place = (line: number) => `${name}:${line}`, env } = options;
  const lines = new LineCounter();
  const { value, empty, problems, offsetOf } = parse(text, lines, env);
  const tell = (found: readonly { offset: number; text: string }[]) =>
    found
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ offset, text }) => `${place(lines.linePos(offset).line)}: ${text}`);
  return {
    value,
    empty,
    errors: tell(problems.map((problem) => ({ offset: problem.offset, text: sentence(problem) }))),
    report: (found) => tell(found.map((problem) => ({ offset: offsetOf(problem.path), text: sentence(problem) }))),
  };
}

/**
 * YAML 1.2 whatever the text says; keys that stand twice are looked for in readTree, which takes no square of their
 * number.
 */
const yamlOptions = { schema: 'core', resolveKnownTags: false, uniqueKeys: false, prettyErrors: false } as const;

function parse(text: string, lineCounter: LineCounter, env: Variables | undefined): YamlTree {
  const control = /(?![\t\n\r])\p{Cc}/u.exec(text);
  try {
    const source = env ? hideReferences(text) : text;
    const tooDeepAt = nestedTooDeepAt(source);
    if (tooDeepAt >= 0) {
      // The parser counts lines, and does not see this.
      lineCounter.lineStarts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
      return broken([{ offset: tooDeepAt, message: tooDeep }]);
    }
    const { contents, errors, warnings } = parseDocument(source, { ...yamlOptions, lineCounter });
    if (control) return broken([{ offset: control.index, message: `holds the character ${code(control[0])}` }]);
    const wrong = [...errors, ...warnings];
    if (wrong.length > 0) return broken(wrong.map(syntaxProblem));
    if (!env) return readTree(contents);
    const variables = putVariables(text, env);
    const tree = readTree(contents, variables.put);
    return { ...tree, problems: [...tree.problems, ...variables.problems] };
  } catch (error) {
    return broken([{ offset: 0, message: syntaxMessage((error as Error).message) }]);
  }
}

function broken(problems: readonly { offset: number; message: string }[]): YamlTree {
  return {
    value: undefined,
    empty: false,
    problems: problems.map((each) => ({ ...each, path: [] })),
    offsetOf: () => 0,
  };
}

function syntaxProblem({ pos, message }: YAMLError): { offset: number; message: string } {
  return { offset: pos[0], message: syntaxMessage(message) };
}

/** The parser goes down into what is nested; where the stack is at its end, it says only that. */
function syntaxMessage(message: string): string {
  return /call stack|stack overflow/i.test(message) ? tooDeep : `not valid YAML: ${showReferences(message)}`;
}

const tooDeep = 'not valid YAML: nested too deep';

const code = (character: string) => `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** `key.path[1]: message`, without a path where the problem is the whole document's. */
export function sentence({ path, message }: Problem): string {
  return path.length > 0 ? `${keyPath(path)}: ${message}` : message;
}

function keyPath(path: readonly (string | number)[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

const mostErrors = 20;

/**
 * Errors as somebody is told them: as many as one reads and how many more there are, each a line of bounded length in
 * which nothing moves a terminal's cursor or turns the text, whatever a stranger wrote.
 */
export function told(errors: readonly string[]): readonly string[] {
  const lines = errors.slice(0, mostErrors).map((each) => toLine(each));
  return errors.length > mostErrors ? [...lines, `and ${errors.length - mostErrors} more`] : lines;
}

/** What valibot found, each with its path. */
export function problemsOf(issues: readonly BaseIssue<unknown>[]): Problem[] {
  return issues.map(({ path = [], message }) => ({ path: path.map(({ key }) => key as string | number), message }));
}
