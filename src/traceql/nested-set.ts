/** Bounds of a span in its trace’s tree, by which Tempo tells what stands below what; 0 where that is not known. */
export interface NestedSpan {
  readonly spanId: string;
  readonly parentId: string;
  readonly isRoot: boolean;
  /** By OTLP's numbers. */
  readonly kind: number;
  left: number;
  right: number;
  /** Its parent's left bound, -1 of a root. */
  parent: number;
}

const spansPerStep = 512;
const [server, client] = [2, 3];

/**
 * Numbers the spans of a trace by the nested set model (Tempo, tempodb/encoding/vparquet4/nested_set_model.go): a span's
 * bounds lie within those of the spans above it. What hangs on no root has none, and nothing has any where an id is
 * shared by more than two. Takes time linear in the spans, in steps.
 */
export function* numberSteps(spans: readonly NestedSpan[]): Generator<undefined, void> {
  const byId = new Map<string, number[]>();
  let isSound = true;
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i];
    span.left = span.right = span.parent = 0;
    const twins = byId.get(span.spanId);
    if (twins === undefined) byId.set(span.spanId, [i]);
    else isSound &&= twins.push(i) <= 2;
    if (i % spansPerStep === spansPerStep - 1) yield;
  }
  if (isSound) yield* walkSteps(spans, yield* parentSteps(spans, byId));
}

/** The place of each span's parent, -1 where there is none. */
function* parentSteps(
  spans: readonly NestedSpan[],
  byId: ReadonlyMap<string, readonly number[]>,
): Generator<undefined, Int32Array> {
  const parents = new Int32Array(spans.length).fill(-1);
  for (let i = 0; i < spans.length; i++) {
    const { isRoot, parentId, kind } = spans[i];
    const found = isRoot ? [] : (byId.get(parentId) ?? []);
    // Of a client's and a server's span that share an id, the one that the span's own kind goes with.
    const wanted = kind === server ? client : server;
    parents[i] = found.length === 1 ? found[0] : (found.find((place) => spans[place].kind === wanted) ?? -1);
    if (i % spansPerStep === spansPerStep - 1) yield;
  }
  return parents;
}

/** Down and up from every root, children in the order in which they stand. */
function* walkSteps(spans: readonly NestedSpan[], parents: Int32Array): Generator<undefined, void> {
  const firstChild = new Int32Array(spans.length).fill(-1);
  const nextSibling = new Int32Array(spans.length).fill(-1);
  for (let i = spans.length - 1; i >= 0; i--) {
    if (parents[i] < 0) continue;
    nextSibling[i] = firstChild[parents[i]];
    firstChild[parents[i]] = i;
  }
  let bound = 1;
  for (let root = 0; root < spans.length; root++) {
    if (!spans[root].isRoot) continue;
    spans[root].parent = -1;
    spans[root].left = bound++;
    for (let at = root; at >= 0; ) {
      const child = firstChild[at];
      if (child >= 0) {
        firstChild[at] = nextSibling[child];
        spans[child].parent = spans[at].left;
        spans[child].left = bound++;
        at = child;
      } else {
        spans[at].right = bound++;
        at = parents[at];
      }
      if (bound % spansPerStep === 0) yield;
    }
  }
}
