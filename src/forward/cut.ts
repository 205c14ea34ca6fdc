import type { Position } from '../route/fleet-path.ts';
import type { Part } from '../route/split.ts';

/** A member that a part goes to, by a list in which it owns its traces. */
export interface ToMember {
  readonly member: string;
  readonly at: Position;
}

/** Where a part goes: to another shard of this gateway, or to a member; or nowhere, as its owners have it already. */
export type Target = { readonly shard: number } | ToMember | 'taken';

export interface Away {
  readonly part: Part;
  readonly to: Target;
}

/** Parts of one request by where they go: `here` are slices that stay. */
export interface Cut {
  readonly here: readonly Part[];
  readonly away: readonly Away[];
}
