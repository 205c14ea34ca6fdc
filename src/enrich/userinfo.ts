import { blank, Char, classOf, lineEnd, quote } from './chars.ts';
import { wordStart } from './name-before.ts';
import { endsEncoded } from './quoted.ts';
import { mask } from './rule.ts';
import { view } from './unfolded.ts';

/**
 * Addresses without a scheme, as Go's drivers and Oracle's have them, and hosts by their usual names:
 * jo:S@tcp(db:3306)/shop.
 */
const addresses =
  /^@(?:(?:tcp|udp|unix)\d?\(|\/\/|(?:localhost|127\.[\d.]+|(?:db|mysql|postgres|redis|rabbit|mongo|mq)[\w.-]*)[:/])/i;
/** Texts one of which they have, and URLs that were encoded or escaped. */
export const schemelessAnchors = [
  ...'tcp udp unix // localhost 127. db. db: db/ db- mysql postgres redis rabbit mongo mq: mq/ mq.'
    .split(' ')
    .map((host) => `@${host}`),
  ':\\/\\/',
  '%2f%2f',
  '%252f',
  '252f%25',
];
const maxCredentials = 256;
const hosts = /^[\w.-]*(?::\d*)?(?:,[\w.-]*(?::\d*)?)*$/;
const hidden = /^(?:\*+|.*:(?:\*+|x{4,}|\[?redacted\]?))$/i;

/**
 * Hides `user:password` in `scheme://user:password@host`, however often the URL was encoded, and in addresses without a
 * scheme.
 */
export function hideUserinfo(text: string, count: () => void): string {
  if (!text.includes('@') && !/%(?:25)*40/.test(text)) return text;
  const { codes, starts, length } = view.of(text);
  let out = '';
  let written = 0;
  let withoutAt = 0;
  let looked = 0;
  for (let at = 0; at < length; at++) {
    let start = at + 3;
    let end = -1;
    if (codes[at] === Char.colon && codes[at + 1] === Char.slash && codes[at + 2] === Char.slash) {
      end = inAuthority(at, start);
      if (end < 0 && start >= withoutAt) {
        end = pastAuthority(at, start);
        if (end === -2) withoutAt = runEnd(start, view.levels[at]);
      }
    } else if (codes[at] === Char.at) {
      [start, end] = schemeless(at, looked);
      if (end >= -1) looked = at;
    }
    if (end <= start || starts[start] < written) continue;
    out += text.slice(written, starts[start]) + mask;
    written = starts[end];
    at = end;
    count();
  }
  return written === 0 ? text : out + text.slice(written);
}

/** The `@` that ends the userinfo of the URL whose colon is at `colon`; -1 where there is none, or no secret in it. */
function inAuthority(colon: number, start: number): number {
  const end = authorityEnd(start, view.levels[colon]);
  const at = lastAt(start, end, view.levels[colon]);
  return at > start && isSecret(colon, view.slice(start, at)) ? at : -1;
}

/**
 * Passwords with `/`, `#` or `?` as they are: jo:p/S@h. What follows the colon is no port then. -1 where it is one, -2
 * where no `@` follows in the rest of what has no blank.
 */
function pastAuthority(colon: number, start: number): number {
  const level = view.levels[colon];
  const end = authorityEnd(start, level);
  if (view.codes[start] === Char.openBracket || lastAt(start, end, level) >= 0) return -1;
  const authority = view.slice(start, Math.min(end, start + maxCredentials));
  const empty = authority.endsWith(':') && end < view.length;
  if (!authority.includes(':') || (hosts.test(authority) && !empty)) return -1;
  const at = lastAt(end, runEnd(end, level), level);
  return at < 0 ? -2 : at;
}

function authorityEnd(start: number, level: number): number {
  const { codes, levels, length } = view;
  let at = start;
  for (; at < length; at++) {
    const code = codes[at];
    if (levels[at] > level) continue;
    if (code === Char.slash || code === Char.question || code === Char.hash || code === Char.backslash) break;
    if (endsRun(at, level)) break;
  }
  return at;
}

function runEnd(at: number, level: number): number {
  while (at < view.length && !endsRun(at, level)) at++;
  return at;
}

function endsRun(at: number, level: number): boolean {
  const code = view.codes[at];
  if (view.levels[at] > level) return false;
  if (view.levels[at] < level && endsEncoded(code)) return true;
  return (classOf[code] & (blank | lineEnd | quote)) !== 0 || code === Char.less || code === Char.greater;
}

function lastAt(start: number, end: number, level: number): number {
  for (let at = end - 1; at >= start; at--) if (view.codes[at] === Char.at && view.levels[at] <= level) return at;
  return -1;
}

/** A user alone is no secret, but where tokens are given as one: https://ghp_…@github.com. */
function isSecret(colon: number, userinfo: string): boolean {
  if (hidden.test(userinfo)) return false;
  if (userinfo.includes(':')) return true;
  const scheme = view.slice(wordStart(view.codes, colon), colon);
  const web = /^(?:git\.)?(?:https?|wss?)$/i.test(scheme);
  return userinfo.length >= 20 || (web && (/\d|_/.test(userinfo) || userinfo.length >= 16));
}

/**
 * [start, end) of the credentials before the `@` at `at`, looked for no further back than `floor`; end < -1: no such
 * address.
 */
function schemeless(at: number, floor: number): [start: number, end: number] {
  const { codes } = view;
  if (!addresses.test(view.slice(at, Math.min(view.length, at + 64)))) return [0, -2];
  let from = at;
  const lowest = Math.max(floor, at - maxCredentials);
  while (from > lowest && !(classOf[codes[from - 1]] & (blank | lineEnd | quote))) from--;
  const before = view.slice(from, at);
  const found = /(?:^|[=,(])(?:jdbc:oracle:\w+:)?([\w.+-]+[:/].+)$/.exec(before);
  if (found === null || before.includes('://') || hidden.test(found[1])) return [0, -1];
  return [at - found[1].length, at];
}
