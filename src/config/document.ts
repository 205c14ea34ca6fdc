import type { BaseIssue } from 'valibot';
import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLParseError,
} from 'yaml';
import type { Problem } from '../model/rules.ts';

/** A YAML (or JSON) text: its plain value, and for every path in it the place where an operator finds it. */
export interface YamlText {
  readonly value: unknown;
  /** Syntax errors and duplicate keys, as `name:line: what`. */
  readonly errors: readonly string[];
  /** `name:line: key.path: message` for each problem, from top to bottom. */
  report(problems: readonly Problem[]): string[];
}

/** `name` is what errors call the text, a file's path or a Consul key; `place` how they name a line of it. */
export function readYaml(text: string, name: string, place = (line: number) => `${name}:${line}`): YamlText {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const { contents, value, problems } = parse(text, lines);
  return {
    value,
    errors: problems.map(({ offset, message }) => `${place(lineAt(offset))}: ${message}`),
    report: (found) =>
      found
        .map((problem) => ({ line: lineAt(offsetOf(contents, problem.path)), problem }))
        .sort((a, b) => a.line - b.line)
        .map(({ line, problem }) => `${place(line)}: ${sentence(problem)}`),
  };
}

interface Parsed {
  readonly contents: Node | null;
  readonly value: unknown;
  readonly problems: readonly { readonly offset: number; readonly message: string }[];
}

/** Aliases that lead nowhere or multiply, and nesting without end, are thrown by the parser rather than listed. */
function parse(text: string, lineCounter: LineCounter): Parsed {
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false });
    const { contents, errors } = document;
    const problems = errors.map((error) => ({ offset: error.pos[0], message: syntaxMessage(error, text) }));
    return { contents, problems, value: errors.length > 0 ? undefined : document.toJS() };
  } catch (error) {
    const message = `not valid YAML: ${(error as Error).message}`;
    return { contents: null, value: undefined, problems: [{ offset: 0, message }] };
  }
}

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

function syntaxMessage({ code, message, pos }: YAMLParseError, text: string): string {
  if (code !== 'DUPLICATE_KEY') return `not valid YAML: ${message}`;
  const key = /^[^\s:]*/.exec(text.slice(pos[0]))![0];
  return `${key}: stands here twice: expected each key once`;
}

/** Where the key or item of `path` begins; of a path that is not there, the deepest part that is. */
function offsetOf(contents: Node | null, path: readonly (string | number)[]): number {
  let at = contents?.range?.[0] ?? 0;
  let node: unknown = contents;
  for (const step of path) {
    const found = child(node, step);
    if (!found) break;
    at = startOf(isPair(found) ? found.key : found) ?? at;
    node = isPair(found) ? found.value : found;
  }
  return at;
}

function child(node: unknown, step: string | number): Pair | Node | undefined {
  if (isSeq(node)) return node.items[Number(step)] as Node | undefined;
  if (isMap(node)) return node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** What valibot found, each with its path. */
export function problemsOf(issues: readonly BaseIssue<unknown>[]): Problem[] {
  return issues.map(({ path = [], message }) => ({ path: path.map(({ key }) => key as string | number), message }));
}
