import { isBlock } from '../../../../units.ts';
/** Rules of ours made of another's, and what has no equal, a sentence each. */
export interface Converted {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

export type Block = Readonly<Record<string, unknown>>;

/** A policy in the Collector's syntax. */
export interface PolicyBlock extends Block {
  readonly name: string;
  readonly type: string;
}

/** Names that traces are kept or dropped by here, see config/rules.ts. */
const ours = [
  'debug',
  'errors',
  'slow',
  'routes',
  'baseline',
  'none',
  'overload',
  'rescue',
  'keep:id',
  'keep:query',
  'keep:archive',
];

/** Policies with names that are neither ours nor another's; each that is changed is told. */
export function withOwnNames(policies: readonly unknown[], from: string, notes: string[]): unknown[] {
  const taken = new Set(ours);
  return policies.map((policy) => {
    if (!isBlock(policy) || typeof policy.name !== 'string') return policy;
    const { name } = policy;
    let own = name;
    for (let nth = 1; taken.has(own); nth++) own = nth === 1 ? `${from}-${name}` : `${from}-${name}-${nth}`;
    taken.add(own);
    if (own === name) return policy;
    notes.push(`${name}: is called ${own}, as there is a policy of that name`);
    return { ...policy, name: own };
  });
}
