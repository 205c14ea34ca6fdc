import type { CallNode, ComparisonNode, Node } from './ast.ts';
import { compare } from './compare.ts';
import { compileValue, Paths, readsPath } from './expression.ts';
import { functions } from './functions.ts';
import type { Context, Path } from './paths.ts';
import { OttlError } from './problem.ts';
import { fault, type Value } from './value.ts';

/** What a condition is: true, false, or neither, which is an error to the Collector. */
export type Truth = boolean | typeof fault;

type LeafNode = ComparisonNode | CallNode;

/** A comparison, or a function that answers. */
export interface Leaf {
  readonly is: 'leaf';
  readonly node: LeafNode;
  /** What it reads; `test` wants the values in this order. */
  readonly paths: readonly Path[];
  test(values: readonly Value[]): Truth;
}

export type Condition =
  | Leaf
  | { readonly is: 'constant'; readonly holds: boolean }
  | { readonly is: 'not'; readonly of: Condition }
  | { readonly is: 'and' | 'or'; readonly of: readonly Condition[] };

/** Compiles a parsed condition; with `paths`, all of its leaves read from them, else each has its own. Throws OttlError. */
export function compileCondition(node: Node, context: Context, paths?: Paths): Condition {
  const part = (of: Node) => compileCondition(of, context, paths);
  switch (node.is) {
    case 'not':
      return { is: 'not', of: part(node.of) };
    case 'and':
    case 'or':
      return { is: node.is, of: node.of.map(part) };
    case 'literal':
      if (typeof node.value === 'boolean') return { is: 'constant', holds: node.value };
      break;
    case 'comparison':
      return leafOf(node, comparison(node, context, paths ?? new Paths()));
    case 'call':
      return leafOf(node, answer(node, context, paths ?? new Paths()));
  }
  throw new OttlError(node.at, 'a value is no condition: compare it, as in … == true');
}

type Test = Pick<Leaf, 'paths' | 'test'>;

function comparison({ left, right, op }: ComparisonNode, context: Context, paths: Paths): Test {
  const a = compileValue(left, context, paths);
  const b = compileValue(right, context, paths);
  return {
    paths: paths.all,
    test: (values) => {
      const x = a(values);
      const y = x === fault ? fault : b(values);
      return x === fault || y === fault ? fault : compare(x, y, op);
    },
  };
}

function answer(node: CallNode, context: Context, paths: Paths): Test {
  const get = compileValue(node, context, paths);
  const answers = ['IsMatch', 'IsRootSpan'].includes(node.name) || functions[node.name]?.isCondition;
  if (!answers) throw new OttlError(node.at, `${node.name} is neither true nor false: compare what it gives`);
  return { paths: paths.all, test: (values) => get(values) as Truth };
}

function leafOf(node: LeafNode, { paths, test }: Test): Condition {
  if (readsPath(node)) return { is: 'leaf', node, paths, test };
  return { is: 'constant', holds: test([]) === true };
}

/** What holds of one span or event. What comes behind a part that decides is not asked, as in Go. */
export function truthOf(condition: Condition, values: readonly Value[]): Truth {
  switch (condition.is) {
    case 'constant':
      return condition.holds;
    case 'leaf':
      return condition.test(values);
    case 'not': {
      const truth = truthOf(condition.of, values);
      return truth === fault ? fault : !truth;
    }
    default: {
      const decides = condition.is === 'or';
      for (const part of condition.of) {
        const truth = truthOf(part, values);
        if (truth === decides || truth === fault) return truth;
      }
      return !decides;
    }
  }
}

/** Whether it may be neither true nor false of some span; yes where that is not plain. */
export function mayFault(condition: Condition): boolean {
  if (condition.is === 'constant') return false;
  if (condition.is === 'leaf') return valueMayFault(condition.node);
  return condition.is === 'not' ? mayFault(condition.of) : condition.of.some(mayFault);
}

const sure = [
  'IsString',
  'IsInt',
  'IsDouble',
  'IsBool',
  'IsMap',
  'IsList',
  'IsRootSpan',
  'IsMatch',
  'Duration',
  'TraceID',
  'SpanID',
];

function valueMayFault(node: Node): boolean {
  switch (node.is) {
    case 'path':
      return (node.fields.at(-1)?.keys.length ?? 0) > 1;
    case 'literal':
    case 'enum':
      return false;
    case 'comparison':
      return valueMayFault(node.left) || valueMayFault(node.right);
    case 'list':
      return node.items.some(valueMayFault);
    case 'call':
      return !sure.includes(node.name) || node.args.some(({ value }) => valueMayFault(value));
    default:
      return readsPath(node);
  }
}
