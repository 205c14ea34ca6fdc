import type { TracePredicate } from '../../model/predicates.ts';
import type { PolicyDocument, Problem } from '../../model/rules.ts';
import { isBlock, show, unknownKey } from '../../units.ts';
import type { Parameter } from './parameters.ts';

/** The parameters of a kind, by their names in YAML. */
type Parameters = Readonly<Record<string, Parameter<unknown>>>;
type ValuesOf<P extends Parameters> = { readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never };

/** What a kind may need to know of the place that its policy stands in. */
export interface KindContext {
  readonly name: string;
  /** Stands for the policy, as it is written: who says the same goes on with the same state. */
  readonly identity: string;
  /** Compiles a policy inside of this one; `path` leads to it. Undefined where it has problems, which are told there. */
  sub(document: unknown, path: readonly (string | number)[]): SubPolicy | undefined;
}

export interface SubPolicy {
  readonly name: string;
  readonly type: string;
  readonly when: TracePredicate;
}

/** One kind of policy: what its block holds, and what it says of a trace. */
export interface PolicyKind {
  /** Its name as `type`, and that of its block. */
  readonly type: string;
  /** For docs/rules.md: what it keeps, in a sentence. */
  readonly says: string;
  readonly parameters: Parameters;
  /** Drops what it holds for, instead of keeping it. */
  readonly drops?: true;
  /** May not stand inside of `and`, `not`, `drop`, `composite`. */
  readonly outermost?: true;
  compile(values: Readonly<Record<string, unknown>>, context: KindContext): TracePredicate | readonly Problem[];
}

/** The same with its parameters' types; problems' paths start inside the block. */
export function kind<P extends Parameters>(
  of: Omit<PolicyKind, 'compile' | 'parameters'> & {
    readonly parameters: P;
    compile(values: ValuesOf<P>, context: KindContext): TracePredicate | readonly Problem[];
  },
): PolicyKind {
  return of as unknown as PolicyKind;
}

/** What a policy's block says, or everything that is wrong with it; paths start inside the policy. */
export function readBlock(
  policy: PolicyDocument,
  { type, parameters }: PolicyKind,
): { readonly values: Readonly<Record<string, unknown>>; readonly problems: readonly Problem[] } {
  const names = Object.keys(parameters);
  const own = ['name', 'type', ...(names.length > 0 ? [type] : [])];
  const problems: Problem[] = Object.keys(policy)
    .filter((key) => !own.includes(key))
    .map((key) => ({ path: [key], message: strayBlock(key, type, own) }));
  const block = names.length > 0 && Object.hasOwn(policy, type) ? (policy[type] ?? undefined) : undefined;
  if (block !== undefined && !isBlock(block)) {
    return {
      values: {},
      problems: [...problems, { path: [type], message: `expected a block of ${names.join(', ')}` }],
    };
  }
  for (const key of Object.keys(block ?? {}).filter((key) => !names.includes(key)))
    problems.push({ path: [type, key], message: unknownKey(key, names) });
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { read, expected, byDefault } = parameters[name]!;
    const given: unknown = block !== undefined && Object.hasOwn(block, name) ? block[name] : undefined;
    const value = given === undefined || given === null ? byDefault : read(given);
    if (value === undefined && !('byDefault' in parameters[name]! && (given === undefined || given === null)))
      problems.push({ path: [type, name], message: `${show(given)}: expected ${expected}` });
    else values[name] = value;
  }
  return { values, problems };
}

/** A block under another kind's name is the commonest of mistakes: the Collector passes over it in silence. */
function strayBlock(key: string, type: string, own: readonly string[]): string {
  return own.length === 2 && key === type ? `${type} has no parameters: leave the block out` : unknownKey(key, own);
}
