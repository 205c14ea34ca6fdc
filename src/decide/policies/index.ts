import type { TracePredicate } from '../../model/predicates.ts';
import type { PolicyDocument, Problem } from '../../model/rules.ts';
import { fnv1aOfText } from '../../tables/fnv.ts';
import { closest } from '../../units.ts';
import { withRescue } from '../rescue.ts';
import { adaptive } from './adaptive.ts';
import { alwaysSample } from './always-sample.ts';
import { and } from './and.ts';
import { booleanAttribute } from './boolean-attribute.ts';
import { bytesLimiting } from './bytes-limiting.ts';
import { composite } from './composite.ts';
import { drop } from './drop.ts';
import { type PolicyKind, readBlock, type SubPolicy } from './kind.ts';
import { latency } from './latency.ts';
import { not } from './not.ts';
import { numericAttribute } from './numeric-attribute.ts';
import { ottlCondition } from './ottl-condition.ts';
import { perKeyRate } from './per-key-rate.ts';
import { probabilistic } from './probabilistic.ts';
import { rare } from './rare.ts';
import { rateLimiting } from './rate-limiting.ts';
import { route } from './route.ts';
import { spanCount } from './span-count.ts';
import { spanLatency } from './span-latency.ts';
import { statusCode } from './status-code.ts';
import { stringAttribute } from './string-attribute.ts';
import { traceFlags } from './trace-flags.ts';
import { traceState } from './trace-state.ts';

/** THE TABLE of kinds: one row a kind, one file a row. */
const table: readonly PolicyKind[] = [
  alwaysSample,
  // Of spans.
  statusCode,
  stringAttribute,
  numericAttribute,
  booleanAttribute,
  traceState,
  traceFlags,
  spanLatency,
  route,
  ottlCondition,
  // Of the trace.
  latency,
  spanCount,
  probabilistic,
  // Of what came before.
  rateLimiting,
  bytesLimiting,
  perKeyRate,
  adaptive,
  rare,
  // Of other policies.
  and,
  not,
  drop,
  composite,
];

export const kinds: ReadonlyMap<string, PolicyKind> = new Map(table.map((kind) => [kind.type, kind]));

/** What a policy says, in the words of model/predicates.ts. */
export interface CompiledPolicy {
  readonly when: TracePredicate;
  readonly drops: boolean;
  /** A late span that is as it asks brings its trace back, which was dropped. */
  readonly rescues?: boolean;
}

/** Policies inside of policies, at most so deep. */
const maxDepth = 8;
/** Mistakes inside of one policy that are told. */
const mostProblems = 100;

/**
 * Stands for a policy as it is written; short, for each of thousands of policies inside of it has it in its own. Of two
 * that are long a chance of 2^-96 makes one: they would share a state.
 */
function identityOf(policy: PolicyDocument): string {
  const text = JSON.stringify(policy);
  if (text.length <= 256) return text;
  return [text.length, ...['', 'a', 'b'].map((salt) => fnv1aOfText(salt + text))].join(' ');
}

/** A policy as it is written, or everything that is wrong with it; problems' paths start inside the policy. */
export function compilePolicy(
  policy: PolicyDocument,
  depth = 0,
  identity = identityOf(policy),
): CompiledPolicy | readonly Problem[] {
  const kind = kinds.get(policy.type);
  if (kind === undefined) return [{ path: ['type'], message: whyUnknown(policy.type) }];
  const { rescue, ...own } = policy;
  const { values, problems } = readBlock(own, kind);
  if (rescue !== undefined && depth > 0)
    return [...problems, { path: ['rescue'], message: 'expected beside the name of an outermost policy only' }];
  if (problems.length > 0) return problems;
  const inside: Problem[] = [];
  const compiled = kind.compile(values, {
    name: policy.name,
    identity,
    sub: (document, path) => sub(document, path, { depth: depth + 1, identity, problems: inside }),
  });
  if ('op' in compiled && inside.length === 0)
    return withRescue({ when: compiled, drops: kind.drops === true }, policy);
  const problemsHere = 'op' in compiled ? [] : compiled;
  return [...problemsHere, ...inside].map((problem) => ({ ...problem, path: [policy.type, ...problem.path] }));
}

function sub(
  document: unknown,
  path: readonly (string | number)[],
  { depth, identity, problems }: { readonly depth: number; readonly identity: string; readonly problems: Problem[] },
): SubPolicy | undefined {
  const tell = (message: string, ...at: string[]): undefined => {
    problems.push({ path: [...path, ...at], message });
  };
  if (!isPolicy(document)) return tell('expected a policy: a block with type, and perhaps a name');
  // Nobody reads more of them, and each costs time.
  if (problems.length >= mostProblems) return undefined;
  if (depth > maxDepth) return tell(`policies inside of policies: expected at most ${maxDepth} deep`);
  if (kinds.get(document.type)?.outermost)
    return tell(`${document.type} may not stand inside of another policy`, 'type');
  // The same policy in two places is two.
  const compiled = compilePolicy(document, depth, `${identity} ${path.join('.')}`);
  if ('when' in compiled) return { name: document.name ?? document.type, type: document.type, when: compiled.when };
  for (const problem of compiled) problems.push({ ...problem, path: [...path, ...problem.path] });
  return undefined;
}

/** Inside of another policy it need not have a name. */
function isPolicy(value: unknown): value is PolicyDocument {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { name, type } = value as Record<string, unknown>;
  return (typeof name === 'string' || name === undefined) && typeof type === 'string';
}

/** What is wrong with a type that this version does not know; empty for one that it does. */
export function whyUnknown(type: string): string {
  if (kinds.has(type)) return '';
  const meant = closest(type, [...kinds.keys()]);
  const hint = meant ? `did you mean ${meant}?` : `this version knows ${[...kinds.keys()].join(', ')}`;
  return `unknown policy type '${type.slice(0, 60)}'; ${hint}`;
}
