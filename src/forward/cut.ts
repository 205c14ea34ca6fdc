import type { Part } from '../route/split.ts';

/** Where a part goes: to another shard of this gateway, or to a member; or nowhere, as its owners have it already. */
export type Target = { readonly shard: number } | { readonly member: string } | 'taken';

export interface Away {
  readonly part: Part;
  readonly to: Target;
}

/** Parts of one request by where they go: `here` are slices that stay. */
export interface Cut {
  readonly here: readonly Part[];
  readonly away: readonly Away[];
}
