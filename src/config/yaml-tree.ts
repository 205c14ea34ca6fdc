import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';
import type { Problem } from '../model/rules.ts';

/** Aliases and merges may repeat so many characters of a text, all together. */
const maxRepeated = 1 << 20;
const maxDepth = 100;

/** What is wrong, and where in the text. */
export interface PlacedProblem extends Problem {
  readonly offset: number;
}

/** Text as it counts: the reader of a boot file puts variables in. */
export type ReadText = (text: string, node: Scalar) => string;

export interface YamlTree {
  /**
   * Plain objects, lists and scalars; whatever an alias names is shared, not copied. Of no use where there are
   * problems.
   */
  readonly value: unknown;
  /** There is nothing in the text but blanks and comments. */
  readonly empty: boolean;
  readonly problems: readonly PlacedProblem[];
  /** Where the key or item of a path begins; of a path that is not there, the deepest part that is. */
  offsetOf(path: Problem['path']): number;
}

/**
 * The value of parsed YAML. Merge keys (yaml.org/type/merge.html) mean what they mean in the Collector's configuration:
 * explicit keys win, of several blocks the first. Names keep their text: the key `007` is not 7. All of it takes time
 * in proportion to the text: aliases that lead into themselves or multiply are problems, like depth, .nan and keys that
 * stand twice.
 */
export function readTree(contents: Node | null, readText: ReadText = (text) => text): YamlTree {
  const reader = new TreeReader(readText);
  const value = reader.readAll(contents);
  return {
    value,
    empty: contents === null || (isScalar(contents) && contents.type === 'PLAIN' && contents.source === ''),
    problems: reader.problems,
    offsetOf: (path) => reader.offsetOf(contents?.range?.[0] ?? 0, value, path),
  };
}

type Steps = Map<string | number, number>;

/** Thrown where to read on could take for ever. */
class TooMuch extends Error {}

class TreeReader {
  readonly problems: PlacedProblem[] = [];
  readonly #readText: ReadText;
  /** For each block and list of the value, where its keys and items begin. */
  readonly #places = new Map<unknown, Steps>();
  readonly #anchors = new Map<string, { value: unknown; weight: number; done: boolean }>();
  readonly #path: (string | number)[] = [];
  /** Characters read so far, those that aliases repeat included. */
  #weight = 0;
  #repeated = 0;

  constructor(readText: ReadText) {
    this.#readText = readText;
  }

  readAll(contents: Node | null): unknown {
    try {
      return this.#read(contents);
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error;
      return undefined;
    }
  }

  offsetOf(start: number, root: unknown, path: Problem['path']): number {
    let [at, value] = [start, root];
    for (const step of path) {
      const offset = this.#places.get(value)?.get(step);
      if (offset === undefined) break;
      at = offset;
      value = (value as Record<string | number, unknown>)[step];
    }
    return at;
  }

  #read(node: unknown): unknown {
    if (isAlias(node)) return this.#alias(node);
    if (!isNode(node)) return null;
    const anchor = { value: undefined as unknown, weight: this.#weight, done: false };
    if (node.anchor) this.#anchors.set(node.anchor, anchor);
    anchor.value = this.#own(node);
    anchor.weight = this.#weight - anchor.weight;
    anchor.done = true;
    return anchor.value;
  }

  #own(node: Node): unknown {
    if (isScalar(node)) return this.#scalar(node);
    if (this.#path.length === maxDepth) this.#tooMuch(node, `nested in more than ${maxDepth} levels`);
    return isMap(node) ? this.#map(node) : isSeq(node) ? this.#list(node.items) : undefined;
  }

  #alias(node: Alias): unknown {
    const anchor = this.#anchors.get(node.source);
    if (!anchor) return this.#wrong(node, `*${node.source}: there is no &${node.source} above`);
    if (!anchor.done) return this.#wrong(node, `*${node.source}: leads into itself, without end`);
    this.#weight += anchor.weight;
    this.#repeated += anchor.weight;
    if (this.#repeated > maxRepeated) {
      this.#tooMuch(node, `*${node.source}: aliases repeat more than ${maxRepeated} characters of this text`);
    }
    return anchor.value;
  }

  #scalar(node: Scalar): unknown {
    const { value, source = '' } = node;
    this.#weight += 1 + source.length;
    if (typeof value === 'string') return this.#text(value, node);
    if (typeof value === 'number' && !Number.isFinite(value))
      return this.#wrong(node, `${source}: not a finite number`);
    return value;
  }

  #text(text: string, node: Scalar): string {
    if (text.includes('\0')) this.#wrong(node, 'holds a NUL character');
    if (!text.isWellFormed()) this.#wrong(node, 'holds half a surrogate pair: not a character');
    return this.#readText(text, node);
  }

  #list(items: readonly unknown[]): unknown[] {
    const value: unknown[] = [];
    const steps: Steps = new Map();
    this.#places.set(value, steps);
    for (const [index, item] of items.entries()) {
      steps.set(index, startOf(item));
      this.#path.push(index);
      value.push(this.#read(item));
      this.#path.pop();
    }
    return value;
  }

  #map(node: YAMLMap): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const steps: Steps = new Map();
    const merges: { readonly node: unknown; readonly bases: unknown }[] = [];
    this.#places.set(value, steps);
    for (const pair of node.items) {
      const name = this.#name(pair.key);
      if (name === undefined) continue;
      this.#path.push(name);
      if (steps.has(name)) this.#wrong(pair.key, 'stands here twice: expected each key once');
      else if (name === '__proto__') this.#wrong(pair.key, 'not possible as a name');
      else if (isMergeKey(pair.key)) merges.push({ node: pair.key, bases: this.#read(pair.value) });
      else {
        steps.set(name, startOf(pair.key));
        value[name] = this.#read(pair.value);
      }
      this.#path.pop();
    }
    for (const merge of merges) this.#merge(merge, value, steps);
    return value;
  }

  #merge({ node, bases }: { node: unknown; bases: unknown }, value: Record<string, unknown>, steps: Steps): void {
    for (const base of Array.isArray(bases) ? bases : [bases]) {
      const theirs = Array.isArray(base) ? undefined : this.#places.get(base);
      if (!theirs) return void this.#wrong(node, '<<: expected a block of keys to merge, or a list of such blocks');
      for (const [name, offset] of theirs) {
        if (steps.has(name)) continue;
        steps.set(name, offset);
        value[name] = (base as Record<string, unknown>)[name];
      }
    }
  }

  /** A key as it is written: `007`, `1.0` and `null` are names, too. */
  #name(node: unknown): string | undefined {
    if (isScalar(node) && typeof node.value !== 'string') {
      this.#weight += 1 + (node.source?.length ?? 0);
      return node.source ?? '';
    }
    const name = this.#read(node);
    if (typeof name !== 'object') return String(name);
    return name === null ? '' : (this.#wrong(node, 'expected a plain word as a key') as undefined);
  }

  #wrong(node: unknown, message: string): unknown {
    this.problems.push({ path: [...this.#path], offset: startOf(node), message });
    return undefined;
  }

  #tooMuch(node: unknown, message: string): never {
    this.#wrong(node, message);
    throw new TooMuch();
  }
}

function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.value === '<<' && node.type === 'PLAIN';
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
