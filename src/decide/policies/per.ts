import type { PolicyState } from '../../model/predicates.ts';
import { oneOf, optional } from './parameters.ts';

/** Whose a target is. */
const whose = ['fleet', 'gateway'] as const;
export type Whose = (typeof whose)[number];

/** Of every kind of policy that has a rate for a target. */
export const per = optional(
  oneOf('whose rate it is: the whole fleet’s, shared out evenly over its gateways, or each gateway’s', whose),
  'fleet' as const,
);

/** The word that says by how many gateways a target is shared; undefined: by none. */
export const sharedBy = (state: PolicyState, its: Whose): Int32Array | undefined =>
  its === 'fleet' ? state.members : undefined;
