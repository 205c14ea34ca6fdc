import type { SpanPredicate, ValueTest } from '../../model/predicates.ts';
import type { StatusCodeName } from '../../model/rules.ts';
import type { Node } from './ast.ts';
import type { Leaf, Truth } from './condition.ts';
import { compileValue, Paths, readsPath } from './expression.ts';
import { mirrored, rangeOf } from './number-range.ts';
import { kindNames, type Path } from './paths.ts';
import { Duration, fault, type Value } from './value.ts';
import { textTest, valueTest } from './value-tests.ts';

/** Whether the leaf is `want` of a value of its one path. */
type Holds = (value: Value) => boolean;

/**
 * A leaf that reads one thing, as an atom that the scan answers: it holds where the leaf is `want`. Undefined where it
 * reads more, or what no atom is of. `identity` stands for the leaf.
 */
export function atomOf(leaf: Leaf, want: Truth, identity: string): SpanPredicate | undefined {
  const [path, ...others] = leaf.paths;
  if (path === undefined) return undefined;
  if (others.length > 0) return durationOf(leaf, want);
  const holds: Holds = (value) => leaf.test([value]) === want;
  if (path.field === 'root') return of(holds(true), holds(false), { op: 'root' });
  if (path.field === 'status.code') return statusOf(holds);
  if (path.field.startsWith('kind')) return kindOf(path.field, holds);
  if (path.field === 'trace_state') return want === true ? memberOf(leaf, path) : undefined;
  if (path.field === 'attributes' && path.key !== undefined)
    return unlessAbsent(
      holds,
      null,
      (test) => ({ op: 'attribute', of: path.owner, key: path.key!, is: test }),
      valueTest(leaf, want, identity),
    );
  const text = textNames[`${path.owner} ${path.field}`];
  return (
    text && unlessAbsent(holds, '', (test) => ({ op: 'text', of: text, is: test }), textTest(leaf, want, identity))
  );
}

const textNames: Readonly<Record<string, Extract<SpanPredicate, { op: 'text' }>['of']>> = {
  'span name': 'name',
  'span status.message': 'status message',
  'event name': 'event name',
  'scope name': 'scope name',
  'scope version': 'scope version',
};

const always: SpanPredicate = { op: 'and', of: [] };
const never: SpanPredicate = { op: 'or', of: [] };
const not = (of: SpanPredicate): SpanPredicate => ({ op: 'not', of });

const of = (where: boolean, elsewhere: boolean, atom: SpanPredicate): SpanPredicate =>
  where === elsewhere ? (where ? always : never) : where ? atom : not(atom);

/** What is not there sets no bit: where the leaf holds of that too, it is asked whether it does not. */
function unlessAbsent(
  holds: Holds,
  absent: Value,
  atom: (test: ValueTest) => SpanPredicate,
  test: (negated: boolean) => ValueTest,
): SpanPredicate {
  return holds(absent) ? not(atom(test(true))) : atom(test(false));
}

/** A number that is none of the names is asked as one beyond them. */
function statusOf(holds: Holds): SpanPredicate {
  const names: readonly StatusCodeName[] = ['UNSET', 'OK', 'ERROR'];
  const other = holds(BigInt(names.length));
  return of(!other, other, { op: 'status', codes: names.filter((_, code) => holds(BigInt(code)) !== other) });
}

function kindOf(field: string, holds: Holds): SpanPredicate {
  const spelled = (name: string, kind: number): Value =>
    field === 'kind' ? BigInt(kind) : field === 'kind.string' ? name : name && `SPAN_KIND_${name.toUpperCase()}`;
  const other = holds(spelled('', kindNames.length));
  const kinds = kindNames.flatMap((name, kind) => (holds(spelled(name, kind)) === other ? [] : [kind]));
  return of(!other, other, { op: 'kind', kinds });
}

/** `trace_state["k"] == "v"`; an empty value is that of a member that is not there, too. */
function memberOf({ node }: Leaf, { key }: Path): SpanPredicate | undefined {
  const sides = node.is === 'comparison' && node.op === '==' ? [node.left, node.right] : [];
  const value = sides.find((side) => side.is === 'literal');
  const isPlain = key !== undefined && sides.some((side) => side.is === 'path') && value?.is === 'literal';
  return isPlain && typeof value.value === 'string' && value.value !== ''
    ? { op: 'tracestate', key, values: [value.value] }
    : undefined;
}

/** `end_time - start_time` against a constant, in either notation and order. */
function durationOf({ node, paths }: Leaf, want: Truth): SpanPredicate | undefined {
  if (node.is !== 'comparison' || want === fault) return undefined;
  const turned = !readsPath(node.left);
  const [asked, constant] = turned ? [node.right, node.left] : [node.left, node.right];
  if (readsPath(constant) || asked.is !== 'math' || asked.op !== '-') return undefined;
  const [end, start] = [asked.left, asked.right].map((side) => fieldOf(side, paths));
  const isMoment = end === 'end_time' && start === 'start_time';
  if (!isMoment && !(end === 'end_time_unix_nano' && start === 'start_time_unix_nano')) return undefined;
  const bound = nanosecondsOf(constant, isMoment);
  if (bound === undefined) return undefined;
  const atom: SpanPredicate = { op: 'duration', ns: rangeOf(turned ? mirrored[node.op] : node.op, bound) };
  return (node.op !== '!=') === want ? atom : not(atom);
}

function fieldOf(node: Node, paths: readonly Path[]): string | undefined {
  const name = node.is === 'path' ? node.fields.at(-1)!.name : undefined;
  return paths.every(({ owner }) => owner === 'span') ? name : undefined;
}

function nanosecondsOf(constant: Node, isMoment: boolean): number | undefined {
  const value = compileValue(constant, 'span', new Paths())([]);
  const ns = isMoment ? (value instanceof Duration ? value.ns : undefined) : value;
  if (typeof ns === 'bigint') return Number.isSafeInteger(Number(ns)) ? Number(ns) : undefined;
  return typeof ns === 'number' ? ns : undefined;
}
