import * as table from './name-table.ts';

/** What a name says of its value, and with that how boldly a text is read. */
export const Kind = {
  none: 0,
  /** A tally as often as a secret: sig, pass. Hidden in `name=value` alone, unless the value is a small number. */
  maybe: 1,
  /** Common in prose too, as in "unexpected token: end of file". */
  token: 2,
  /** A password and the like: hidden in every form. */
  secret: 3,
  /** A header whose value may have spaces, and reaches to the end of its line. */
  header: 4,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** What a name says of its value: kindOf, or an operator's patterns. */
export type KindOf = (name: string) => Kind;

/** Longer names are no names. Bounds what a stranger's name costs. */
export const maxNameChars = 128;
const shortestName = 3;
/** Names whose kind is remembered: senders use the same ones. */
const maxKnown = 4096;
const known = new Map<string, Kind>();

const any = (words: readonly string[]) => words.join('|');
const hint = new RegExp(
  `pass|pwd|secret|key|token|creden|creds|cookie|authoriz|${any([...table.lastWords, 'mnemonic', 'seed'])}|sig|otp|pin|saml`,
  'i',
);
const heads = any([...table.keyHeads, ...table.keyHeads.map((head) => head.replace(' ', ''))]);
/** The last of what makes a name secret; groups: the word, what stands behind it. */
const secretWord = new RegExp(
  '^(?:.* )?(' +
    `\\S*(?:${any(table.anywhere)})\\S*|\\S*(?:${any(table.wordEnds)})|${any(table.wholeWords)}` +
    `|(?:\\S*(?:${heads})) ?keys?)((?: .*)?)$`,
);
const tokenWord = /^(?:(.*) )?(\S*)(tokens?)((?: .*)?)$/;

/** `user.PasswordHash` → `user password hash`; `%5B%5D` and the like were resolved before. */
function wordsOf(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .replace(/[^A-Za-z\d]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** What the name of an attribute, a parameter, a variable or a header says of its value. */
export function kindOf(name: string): Kind {
  if (name.length > maxNameChars) name = name.slice(-maxNameChars);
  if (name.length < shortestName || !hint.test(name)) return Kind.none;
  let kind = known.get(name);
  if (kind === undefined) {
    kind = judge(name);
    if (known.size >= maxKnown) known.clear();
    known.set(name, kind);
  }
  return kind;
}

function judge(name: string): Kind {
  const words = wordsOf(name);
  const last = words.slice(words.lastIndexOf(' ') + 1);
  if (table.headerWords.has(last)) return Kind.header;
  if (isSecret(words)) return Kind.secret;
  if (isToken(words) || table.lastWords.has(last)) return Kind.token;
  return table.inQueries.test(words) ? Kind.maybe : Kind.none;
}

function isSecret(words: string): boolean {
  const found = secretWord.exec(words);
  if (found === null) return isPass(words);
  const [, word, tail] = found;
  if (table.innocentWords.has(word)) return false;
  if (table.secretIds.some((id) => words.endsWith(id))) return true;
  return !tail.split(' ').some((after) => table.innocentTails.has(after));
}

/** db_pass, SMTP_PASS */
function isPass(words: string): boolean {
  if (!words.endsWith('pass')) return false;
  const before = words.slice(0, -4).trimEnd();
  return table.passHeads.has(before.slice(before.lastIndexOf(' ') + 1));
}

function isToken(words: string): boolean {
  if (words.endsWith('id token hint')) return true;
  const found = tokenWord.exec(words);
  if (found === null) return false;
  const [, before = '', joined, word, tail] = found;
  if (!table.tokenTails.test(tail)) return false;
  const head = joined || before.slice(before.lastIndexOf(' ') + 1);
  if (word === 'tokens') return [...table.tokensHeads].some((auth) => head.endsWith(auth));
  return !table.innocentTokenHeads.has(head) && !(joined !== '' && innocentEnd.test(joined));
}

/** `nextpagetoken`, `continuationtoken`: run together. */
const innocentEnd = /(?:page|next|continuation|sync|resume|max|cancellation|sub|de)$/;
