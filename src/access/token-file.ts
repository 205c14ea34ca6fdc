import { type Credential, type Scope, scopes, type TokenEntry } from './credential.ts';
import { digestOf } from './digest.ts';
import { entriesOf } from './lines.ts';

/** As many characters as 96 bits have in base64; what is shorter is guessed, or was meant to be something else. */
const leastChars = 16;
const mostChars = 4096;

/** What the words behind a token may be, where the file is used. */
export interface TokenFileRules {
  /** Of the admin port, where a word narrows what a token may do. */
  readonly scopes: boolean;
  /** Names that a token may be bound to; absent: there are no tenants. */
  readonly tenants?: readonly string[];
}

/**
 * A token file: a line `NAME: TOKEN` for each, behind it, in any order, a scope and `tenant=NAME`. Empty lines are passed
 * over, and what begins with # behind a blank or at the beginning of a line. Throws what is wrong, with its line and nothing that could be a token.
 */
export function parseTokenFile(text: string, key: string, rules: TokenFileRules): TokenEntry[] {
  const byDigest = new Map<string, number>();
  const entries = entriesOf(text, ({ number, line }) => {
    const [, name, token, words] = /^([\w.-]{1,64}):[ \t]+(\S+)(.*)$/.exec(line) ?? [];
    if (name === undefined) return 'expected NAME: TOKEN, such as checkout: 6f1d… with a blank behind the colon';
    const digest = digestOf(key, token);
    const other = byDigest.get(digest);
    if (other !== undefined) return `the token of line ${other} once more: expected one of its own`;
    byDigest.set(digest, number);
    const bound = whyNot(token) ?? boundsOf(words, rules);
    return typeof bound === 'string' ? bound : { name, ...bound, digest };
  });
  if (entries.length === 0) throw new Error('no token in it: expected a line NAME: TOKEN');
  return entries;
}

function whyNot(token: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(token)) return 'a token with characters that no header has: expected printable ASCII';
  if (token.length < leastChars)
    return `a token of ${token.length} characters: expected at least ${leastChars}, as openssl rand -hex 32 prints them`;
  return token.length > mostChars ? `a token of more than ${mostChars} characters` : undefined;
}

function boundsOf(words: string, rules: TokenFileRules): Pick<Credential, 'scope' | 'tenant'> | string {
  let [scope, tenant]: [Scope?, string?] = [];
  for (const word of words
    .replace(/[ \t]#.*$/, '')
    .split(/[ \t]+/)
    .filter(Boolean)) {
    const asScope = scopes.find((it) => it === word);
    const asTenant = /^tenant=(\S+)$/.exec(word)?.[1];
    if (asScope === undefined && asTenant === undefined) return `a word behind the token that is no ${expected(rules)}`;
    if (asScope !== undefined && !rules.scopes) return `${word}: scopes are of the tokens of the admin port`;
    if ((asScope && scope) || (asTenant && tenant)) return 'two words of a kind behind the token: expected one';
    if (asTenant !== undefined && rules.tenants?.includes(asTenant) !== true)
      return `tenant=${asTenant}: no tenant of receive.tenants`;
    scope ??= asScope;
    tenant ??= asTenant;
  }
  return { ...(scope && { scope }), ...(tenant && { tenant }) };
}

const expected = (rules: TokenFileRules): string =>
  [...(rules.scopes ? scopes : []), 'tenant=NAME'].join(', ').replace(/, ([^,]*)$/, ' or $1');
