/** What the tree needs to know of a span. */
export interface TreeSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly service: string;
  readonly kind: number;
  readonly startNs: bigint;
}

/** `lost`: its parent is named but not here. `cut`: it was its own ancestor, and the circle was cut above it. */
export interface TreeNode<T extends TreeSpan> {
  readonly span: T;
  readonly children: TreeNode<T>[];
  readonly lost: boolean;
  readonly cut: boolean;
}

const client = 3;
const server = 2;

/**
 * The spans as a forest: true roots first, then spans whose parent is missing, each level by start time (spans without
 * a time last). Every span appears exactly once, whatever its ids: ids used twice and circles included.
 */
export function buildTree<T extends TreeSpan>(spans: readonly T[]): TreeNode<T>[] {
  const byId = Map.groupBy(spans.keys(), (i) => spans[i].spanId);
  const parents = spans.map((_, i) => parentOf(spans, i, byId));
  const cuts = cutCircles(spans, parents);
  const nodes = spans.map((span, i): TreeNode<T> => {
    return { span, children: [], lost: parents[i] === missing, cut: cuts.has(i) };
  });
  const roots: TreeNode<T>[] = [];
  for (const [i, node] of nodes.entries()) (parents[i] < 0 ? roots : nodes[parents[i]].children).push(node);
  for (const node of nodes) node.children.sort(byStart);
  return roots.sort((a, b) => Number(a.lost) - Number(b.lost) || byStart(a, b));
}

const none = -1;
const missing = -2;

/**
 * Index of the parent. Of several spans under the parent's id the best is the caller's own, then the one that serves.
 */
function parentOf(spans: readonly TreeSpan[], index: number, byId: Map<string, number[]>): number {
  const span = spans[index];
  if (span.kind === server) {
    const twin = byId.get(span.spanId)!.find((i) => i !== index && spans[i].kind === client);
    if (twin !== undefined) return twin;
  }
  if (span.parentSpanId === '') return none;
  let best = missing;
  for (const i of byId.get(span.parentSpanId) ?? [])
    if (i !== index && (best < 0 || rank(span, spans[i]) > rank(span, spans[best]))) best = i;
  return best === missing && span.parentSpanId === span.spanId ? none : best;
}

const rank = (span: TreeSpan, parent: TreeSpan): number =>
  (parent.service === span.service ? 2 : 0) + (parent.kind === server ? 1 : 0);

/** Walks up from every span; where a walk meets itself, the earliest span of the circle becomes a root. */
function cutCircles(spans: readonly TreeSpan[], parents: number[]): Set<number> {
  const cuts = new Set<number>();
  const walkOf = new Int32Array(spans.length).fill(-1);
  for (let start = 0; start < spans.length; start++) {
    let at = start;
    while (at >= 0 && walkOf[at] < 0) {
      walkOf[at] = start;
      at = parents[at];
    }
    if (at < 0 || walkOf[at] !== start) continue;
    const first = earliest(spans, parents, at);
    parents[first] = none;
    cuts.add(first);
  }
  return cuts;
}

function earliest(spans: readonly TreeSpan[], parents: readonly number[], inside: number): number {
  let first = inside;
  for (let at = parents[inside]; at !== inside; at = parents[at]) if (before(spans[at], spans[first])) first = at;
  return first;
}

const before = (a: TreeSpan, b: TreeSpan): boolean => a.startNs !== 0n && (b.startNs === 0n || a.startNs < b.startNs);

const byStart = (a: TreeNode<TreeSpan>, b: TreeNode<TreeSpan>): number =>
  before(a.span, b.span) ? -1 : before(b.span, a.span) ? 1 : 0;

/**
 * A node on its line; depth counts from 1. `up` is the line of its parent; `last`: no sibling follows, `open`: children
 * follow, both as far as they are shown.
 */
export interface TreeLine<T extends TreeSpan> {
  readonly node: TreeNode<T>;
  readonly up: TreeLine<T> | undefined;
  readonly depth: number;
  readonly last: boolean;
  readonly open: boolean;
}

export type Keep<T extends TreeSpan> = (node: TreeNode<T>, depth: number) => boolean;

/**
 * The forest from top to bottom, parents before children; what `keep` refuses is left out with all below it.
 * Without recursion, for traces of any depth.
 */
export function linesOf<T extends TreeSpan>(roots: readonly TreeNode<T>[], keep: Keep<T> = () => true): TreeLine<T>[] {
  const lines: TreeLine<T>[] = [];
  const stack = below(roots, undefined, keep);
  for (let line = stack.pop(); line; line = stack.pop()) {
    lines.push(line);
    for (const child of below(line.node.children, line, keep)) stack.push(child);
  }
  return lines;
}

/** Last first: a stack gives them back in order. */
function below<T extends TreeSpan>(
  nodes: readonly TreeNode<T>[],
  up: TreeLine<T> | undefined,
  keep: Keep<T>,
): TreeLine<T>[] {
  const depth = (up?.depth ?? 0) + 1;
  const shown = nodes.filter((node) => keep(node, depth));
  const open = (node: TreeNode<T>): boolean => node.children.some((child) => keep(child, depth + 1));
  return shown.map((node, i) => ({ node, up, depth, last: i === shown.length - 1, open: open(node) })).reverse();
}
