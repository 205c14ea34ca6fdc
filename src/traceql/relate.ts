import type { RelatedSpansets, Relation } from './ast.ts';
import type { NestedSpan } from './nested-set.ts';

/**
 * The spans that a structural operator gives of what stands on its two sides. By the bounds of nested sets each side is
 * looked at once, however deep or wide the trace: linear in the spans of the trace, whose bounds go up to twice as many.
 */
export function related<T extends NestedSpan>(
  { relation, gives }: Pick<RelatedSpansets, 'relation' | 'gives'>,
  left: readonly T[],
  right: readonly T[],
): T[] {
  if (left.length === 0 || right.length === 0) return [];
  const isRelated = relatedTo(relation, left);
  if (gives === 'right') return right.filter(isRelated);
  if (gives === 'unrelated') return right.filter((span) => !isRelated(span));
  return [...new Set([...right.filter(isRelated), ...left.filter(relatedTo(inverses[relation], right))])];
}

const inverses: Readonly<Record<Relation, Relation>> = {
  child: 'parent',
  parent: 'child',
  descendant: 'ancestor',
  ancestor: 'descendant',
  sibling: 'sibling',
};

type Test = (span: NestedSpan) => boolean;

/** Tells of a span whether it is, say, a child of some of these. */
function relatedTo(relation: Relation, others: readonly NestedSpan[]): Test {
  switch (relation) {
    case 'child': {
      const lefts = new Set(others.map(({ left }) => left));
      return ({ parent }) => parent > 0 && lefts.has(parent);
    }
    case 'parent': {
      const parents = new Set(others.map(({ parent }) => parent));
      return ({ left }) => left > 0 && parents.has(left);
    }
    case 'sibling':
      return siblingOf(others);
    default:
      return relation === 'descendant' ? descendantOf(others) : ancestorOf(others);
  }
}

/** Roots are siblings of each other; no span is its own. */
function siblingOf(others: readonly NestedSpan[]): Test {
  const [sums, own] = [new Map<number, number>(), new Set(others)];
  for (const { parent } of others) sums.set(parent, (sums.get(parent) ?? 0) + 1);
  return (span) => span.parent !== 0 && (sums.get(span.parent) ?? 0) > (own.has(span) ? 1 : 0);
}

/** How many of the others are open where a span begins, itself left out. */
function descendantOf(others: readonly NestedSpan[]): Test {
  const own = new Set(others);
  const open = sumsOf(others, (sums, { left, right }) => {
    sums[left]++;
    sums[right]--;
  });
  return (span) => span.left > 0 && at(open, span.left) > (own.has(span) ? 1 : 0);
}

/** How many of the others begin between a span's bounds. */
function ancestorOf(others: readonly NestedSpan[]): Test {
  const begun = sumsOf(others, (sums, { left }) => sums[left]++);
  return ({ left, right }) => left > 0 && at(begun, right) > at(begun, left);
}

function sumsOf(spans: readonly NestedSpan[], mark: (sums: Int32Array, span: NestedSpan) => void): Int32Array {
  const sums = new Int32Array(spans.reduce((most, { right }) => Math.max(most, right), 0) + 1);
  for (const span of spans) if (span.left > 0) mark(sums, span);
  for (let i = 1; i < sums.length; i++) sums[i] += sums[i - 1];
  return sums;
}

const at = (sums: Int32Array, bound: number): number => sums[Math.min(bound, sums.length - 1)];
