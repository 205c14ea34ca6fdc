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

export const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
