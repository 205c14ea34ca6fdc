/**
 * What may be done on the admin port: ask for metrics; read whatever it answers, metrics too; change something, and no
 * more than that.
 */
export const scopes = ['metrics', 'read', 'change'] as const;
export type Scope = (typeof scopes)[number];

/** Whose credentials they are, as the operator's file names them. Nothing in it is secret. */
export interface Credential {
  readonly name: string;
  /** All that it may do on the admin port; absent: everything. */
  readonly scope?: Scope;
  /** Whose every request is that comes with it; absent: that is left to the request. */
  readonly tenant?: string;
}

export function grants({ scope }: Credential, need: Scope): boolean {
  return scope === undefined || scope === need || (scope === 'read' && need === 'metrics');
}

/** A line of a token file. */
export interface TokenEntry extends Credential {
  /** See digest.ts. */
  readonly digest: string;
}

/** A line of a password file. */
export interface PasswordEntry extends Credential {
  /** As it stands there, prefix and salt included. */
  readonly hash: string;
}

/** All who may come in, a plain value that may go to other threads. Of tokens there is nothing in it but digests. */
export type Credentials =
  | { readonly scheme: 'bearer'; readonly key: string; readonly tokens: readonly TokenEntry[] }
  | { readonly scheme: 'basic'; readonly key: string; readonly users: readonly PasswordEntry[] };

export const namesOf = (credentials: Credentials): readonly string[] =>
  (credentials.scheme === 'bearer' ? credentials.tokens : credentials.users).map(({ name }) => name);
