import type { Expression, Field, Query, Value } from '../traceql/ast.ts';
import { compilePredicate } from '../traceql/evaluate.ts';
import { namedFields } from './search.ts';

/** A field that is shown with each span, and which of its values are: Tempo shows those that the query looked for. */
export interface ShownField {
  readonly field: Field;
  /** Absent where all of them are. */
  readonly accepts?: (value: Value) => boolean;
}

/** The fields that a query names, each once, in its order. */
export function shownFields(query: Query): ShownField[] {
  const looked = new Lookups();
  looked.read(query, false);
  return namedFields(query).map((field) => looked.shown(field));
}

type Predicate = (value: Value) => boolean;
type Node = { readonly type?: string } & Record<string, unknown>;

/** What a query asks of each of its fields. */
class Lookups {
  readonly #predicates = new Map<string, Predicate[]>();
  /** Asked for whatever they hold. */
  readonly #open = new Set<string>();

  read(node: unknown, isNegated: boolean): void {
    if (typeof node !== 'object' || node === null) return;
    const { type } = node as Node;
    const asked = isNegated ? undefined : askedOf(node as Node);
    if (asked !== undefined) this.#add(asked, compilePredicate(node as unknown as Expression));
    else if (type === 'attribute' || type === 'intrinsic') this.#open.add(JSON.stringify(node));
    else if (type !== 'literal') for (const child of Object.values(node)) this.read(child, isNegated || type === 'not');
  }

  shown(field: Field): ShownField {
    const key = JSON.stringify(field);
    const predicates = this.#predicates.get(key);
    if (predicates === undefined || this.#open.has(key)) return { field };
    return { field, accepts: (value) => predicates.some((predicate) => predicate(value)) };
  }

  #add(field: Field, predicate: ReturnType<typeof compilePredicate>): void {
    const key = JSON.stringify(field);
    const all = this.#predicates.get(key) ?? [];
    if (all.push((value) => predicate({ field: () => value })) === 1) this.#predicates.set(key, all);
  }
}

/** The field that a condition compares with a value. */
function askedOf(node: Node): Field | undefined {
  if (node.type === 'match') return fieldOf(node.operand as Field | Node);
  if (node.type !== 'compare') return undefined;
  const [left, right] = [node.left as Field | Node, node.right as Node];
  return right.type === 'literal' ? fieldOf(left) : undefined;
}

const fieldOf = (node: Field | Node): Field | undefined =>
  node.type === 'attribute' || node.type === 'intrinsic' ? (node as Field) : undefined;
