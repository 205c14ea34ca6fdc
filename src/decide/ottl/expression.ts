import { argumentsOf } from './arguments.ts';
import type { CallNode, Node, PathNode, ValueNode } from './ast.ts';
import { constantCall } from './constants.ts';
import { converted, functions } from './functions.ts';
import { calculate, negate } from './math.ts';
import { type Context, type Path, rootPath } from './paths.ts';
import { OttlError } from './problem.ts';
import { regexOf } from './regex-argument.ts';
import { index, resolve } from './resolve.ts';
import { asText } from './text.ts';
import { fault, type Value, type ValueOrFault } from './value.ts';

/** The paths that an expression reads; their values are handed over in the same order. */
export class Paths {
  readonly all: Path[] = [];
  /** Told that another span comes; undefined where nothing is remembered of one. */
  readonly forgets: (() => void)[] | undefined;

  /** `remembers`: what is said of the span alone is reckoned once, for all of its events. */
  constructor(remembers = false) {
    this.forgets = remembers ? [] : undefined;
  }

  /** The same, reckoned once a span where that is remembered. */
  once(get: Get): Get {
    if (this.forgets === undefined) return get;
    let known: ValueOrFault | undefined;
    this.forgets.push(() => (known = undefined));
    return (values) => {
      if (known === undefined) known = get(values);
      return known;
    };
  }

  slot(path: Path): number {
    const found = this.all.findIndex(({ id }) => id === path.id);
    return found >= 0 ? found : this.all.push(path) - 1;
  }
}

/** An expression, compiled: its value, by the values of its paths. */
export type Get = (values: readonly Value[]) => ValueOrFault;

/** Enumerations of the span context. Source: pkg/ottl/contexts/ottlspan. */
const enums: Readonly<Record<string, bigint>> = {
  SPAN_KIND_UNSPECIFIED: 0n,
  SPAN_KIND_INTERNAL: 1n,
  SPAN_KIND_SERVER: 2n,
  SPAN_KIND_CLIENT: 3n,
  SPAN_KIND_PRODUCER: 4n,
  SPAN_KIND_CONSUMER: 5n,
  STATUS_CODE_UNSET: 0n,
  STATUS_CODE_OK: 1n,
  STATUS_CODE_ERROR: 2n,
};

/** Compiles a value; adds what it reads to `paths`. Throws OttlError. */
export function compileValue(node: Node, context: Context, paths: Paths): Get {
  const before = paths.all.length;
  const made = read(node as ValueNode, context, paths);
  const isCostly = node.is !== 'path' && context === 'spanevent' && readsPath(node) && !readsEvent(node);
  const get = isCostly ? paths.once(made) : made;
  if (paths.all.length > before || readsPath(node)) return get;
  const value = get([]);
  if (value === fault) throw new OttlError(node.at, 'never has a value');
  return () => value;
}

function read(node: ValueNode, context: Context, paths: Paths): Get {
  const part = (of: Node) => compileValue(of, context, paths);
  switch (node.is) {
    case 'literal':
      return () => node.value;
    case 'enum':
      return enumOf(node.name, node.at);
    case 'path': {
      const { path, keys } = resolve(node, context);
      const slot = paths.slot(path);
      return keys.length === 0 ? (values) => values[slot]! : (values) => index(values[slot]!, keys);
    }
    case 'list':
      return gathered(node.items.map(part), (items) => items);
    case 'negated':
      return gathered([part(node.of)], ([value]) => negate(value!));
    case 'math':
      return gathered([part(node.left), part(node.right)], ([a, b]) => calculate(a!, b!, node.op));
    case 'call':
      return callOf(node, context, paths);
    default:
      throw new OttlError((node as Node).at, 'a condition is no value: it cannot be compared or handed over');
  }
}

function enumOf(name: string, at: number): Get {
  if (!Object.hasOwn(enums, name)) throw new OttlError(at, `${name} is none of ${Object.keys(enums).join(', ')}`);
  return () => enums[name]!;
}

/** The parts' values, where none is a fault. */
function gathered(parts: readonly Get[], make: (values: readonly Value[]) => ValueOrFault): Get {
  return (values) => {
    const made: Value[] = [];
    for (const part of parts) {
      const value = part(values);
      if (value === fault) return fault;
      made.push(value);
    }
    return make(made);
  };
}

function callOf(node: CallNode, context: Context, paths: Paths): Get {
  if (node.name === 'IsRootSpan' && context === 'span') {
    argumentsOf(node, {}, 0);
    const slot = paths.slot(rootPath);
    return (values) => values[slot]!;
  }
  if (node.name === 'IsMatch') return matchOf(node, context, paths);
  const constant = constantCall(node);
  if (constant !== undefined) return () => constant;
  const called = Object.hasOwn(functions, node.name) ? functions[node.name]! : undefined;
  if (called === undefined)
    throw new OttlError(node.at, `the function ${node.name} is not supported: ${names.join(', ')} are`);
  const given = argumentsOf(node, called.parameters, called.required ?? Object.keys(called.parameters).length);
  const parts = given.map(({ value, type }) => {
    const get = compileValue(value, context, paths);
    if (!readsPath(value) && converted(get([]) as Value, type) === fault)
      throw new OttlError(value.at, `${node.name} wants ${type === 'texts' ? 'a list' : `a ${type}`} here`);
    return (values: readonly Value[]) => {
      const got = get(values);
      return got === fault ? fault : converted(got, type);
    };
  });
  return gathered(parts, (values) => called.call(...values));
}

const names = ['IsMatch', 'IsRootSpan', ...Object.keys(functions), 'Duration', 'TraceID', 'SpanID'];

function matchOf(node: CallNode, context: Context, paths: Paths): Get {
  const { target, regex } = regexOf(node);
  return gathered([compileValue(target, context, paths)], ([value]) => {
    const text = asText(value!);
    return text === null ? false : text === fault ? fault : regex.testText(text);
  });
}

/** Whether it differs from one event of a span to another. */
export const readsEvent = (node: Node): boolean =>
  readsPath(node, (path) => resolve(path, 'spanevent').path.owner === 'event');

/** Whether an expression depends on anything but itself; with `which`, on a path of that kind. */
export function readsPath(node: Node, which: (path: PathNode) => boolean = () => true): boolean {
  const within = (part: Node) => readsPath(part, which);
  switch (node.is) {
    case 'path':
      return which(node);
    case 'literal':
    case 'enum':
      return false;
    case 'call':
      return node.name === 'IsRootSpan' || node.args.some(({ value }) => within(value));
    case 'list':
      return node.items.some(within);
    case 'not':
    case 'negated':
      return within(node.of);
    case 'and':
    case 'or':
      return node.of.some(within);
    default:
      return within(node.left) || within(node.right);
  }
}
