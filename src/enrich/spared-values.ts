import { blank, Char, classOf, nameChar } from './chars.ts';
import type { Name } from './name-before.ts';
import { mask } from './rule.ts';
import { Kind, type KindOf } from './secret-names.ts';
import type { Unfolded } from './unfolded.ts';
import type { Extent } from './value-end.ts';

/** Longer values are read no further than this to see whether they are spared. */
const maxSparedChars = 64;

/** What stands for a value: what others hid, what SQL and templates fill in, what says that there is none. */
const placeholder =
  /^(?:true|false|yes|no|null|nil|none|undefined|\*{3,}|x{4,}|[<[(]?(?:redacted|filtered|hidden|masked|removed|omitted)[>\])]?|\?|\$\d{1,3}|%s|%d|%v|\{\}|\$\{[A-Z_]+\})$/i;
/** What browsers' fetch() takes as `credentials`. */
const fetchModes = /^(?:include|omit|same-origin)$/;
const schemes =
  /^(?:bearer|basic|digest|token|api-?key|negotiate|ntlm|aws4-hmac-sha256|hawk|sharedkey|sharedkeylite|signature|oauth|dpop|ssws|splunk|key|googlelogin)$/i;

/** Is the value one that tells nothing? */
export function isSpared(view: Unfolded, kind: Kind, name: Name, { start, end }: Extent, kindOf: KindOf): boolean {
  if (end <= start) return true;
  if (end - start > maxSparedChars) return false;
  const value = view.slice(start, end);
  if (value === mask || placeholder.test(value)) return true;
  if (view.codes[end] === Char.closeBrace && placeholder.test(`${value}}`)) return true;
  if (/^\{\s+\.?[\w.]+\s+\}$/.test(value)) return true;
  if (kind === Kind.maybe) return /^(?:\d{1,3}|SIG[A-Z]+)$/.test(value);
  const word = view.slice(name.start, name.end);
  if (/^credentials?$/i.test(word)) return fetchModes.test(value);
  if (word === 'PWD' || word.endsWith('.PWD')) return /^(?:[/~]|[A-Za-z]:\\)/.test(value);
  if (/^cookies$/i.test(word)) return /^\d{1,3}$/.test(value);
  return /^(?:\$|[:@](?=\w*[a-z_]))\w+$/.test(value) && kindOf(value.slice(1)) >= Kind.token;
}

/**
 * Where a credential begins behind the scheme that says how to read it, `Bearer S`, `Digest username="jo", …`; a quote
 * before the scheme stays too.
 */
export function pastScheme(view: Unfolded, start: number): number {
  const { codes, length } = view;
  const limit = Math.min(length, start + 20);
  let end = start;
  while (end < limit && classOf[codes[end]] & nameChar) end++;
  if (end === start || !schemes.test(view.slice(start, end))) return start;
  let after = end;
  while (after < length && classOf[codes[after]] & blank) after++;
  return after > end && after < length ? after : start;
}
