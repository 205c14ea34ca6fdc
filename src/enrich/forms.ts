import { blank, Char, classOf, nameChar, quote } from './chars.ts';
import { type Name, nameBefore, wordBefore, wordStart } from './name-before.ts';
import { Kind, type KindOf, maxNameChars } from './secret-names.ts';
import { isSpared, pastScheme } from './spared-values.ts';
import { closesPair, looksSecret, opensPair, skipBlanks, startsLine } from './surroundings.ts';
import { view } from './unfolded.ts';
import { bare, type Extent, valueAt } from './value-end.ts';

/** `API Key`, `AWS Secret Access Key`: up to two words more. */
export function spacedName(name: Name, kindOf: KindOf): Kind {
  for (let start = name.start, words = 0; words < 2; words++) {
    start = wordBefore(view.codes, start);
    if (start < 0) break;
    const kind = kindOf(view.slice(start, name.end).replaceAll(' ', '_'));
    if (kind !== Kind.none) return kind;
  }
  return Kind.none;
}

/** Of `"name": "DB_PASSWORD"` what the value says of the one that follows. */
export function quotedName(value: number, kindOf: KindOf): Kind {
  const { codes, length } = view;
  while (value < length && codes[value] === Char.backslash) value++;
  if (!(classOf[codes[value]] & quote)) return Kind.none;
  const start = ++value;
  while (value < length && classOf[codes[value]] & nameChar && value - start <= maxNameChars) value++;
  const kind = kindOf(view.slice(start, value));
  return kind === Kind.maybe ? Kind.none : kind;
}

/** A colon separates in JSON and headers; in prose, words of everyday do not name a secret with it. */
export function colonMeans(kind: Kind, name: Name, at: number, value: number, prose: boolean): boolean {
  const { codes } = view;
  if (name.quoted) return kind !== Kind.maybe || (classOf[codes[value]] & quote) !== 0;
  if (!prose || kind === Kind.maybe) return false;
  const before = name.start > 0 ? codes[name.start - 1] : 0;
  if (value === at + 1 && (before === Char.colon || before === Char.slash)) return false;
  if (kind === Kind.secret && !/^secrets?$/i.test(view.slice(name.start, name.end))) return true;
  if (before === Char.openBrace || before === Char.comma || before === Char.openBracket) return true;
  if (kind === Kind.header && (classOf[before] & quote || startsLine(name.start))) return true;
  return /[-_.a-z][-_.A-Z]./.test(view.slice(name.start, name.end)) || looksSecret(value);
}

/** `--password S`. */
export function flag(name: Name, at: number, value: number, kindOf: KindOf): Extent | null {
  if (kindOf(view.slice(name.start, name.end)) === Kind.none) return null;
  if (view.codes[value] === Char.dash) return null;
  const extent = valueAt(view, pastScheme(view, value), { ...bare, level: view.levels[at] });
  return isSpared(view, Kind.secret, name, extent, kindOf) ? null : extent;
}

/** `"--password", "S"` and `["authorization", "S"]`. */
export function listItem(at: number, kindOf: KindOf): Extent | null {
  const name = nameBefore(view, at);
  const value = skipBlanks(at + 1, false);
  if (name === null || !(classOf[view.codes[value]] & quote || view.codes[value] === Char.backslash)) return null;
  const flag = view.codes[name.start] === Char.dash;
  const kind = kindOf(view.slice(name.start, name.end));
  if (kind <= Kind.maybe || !(flag || opensPair(name))) return null;
  const extent = valueAt(view, value, { ...bare, level: view.levels[at] });
  if (flag && view.codes[extent.start] === Char.dash) return null;
  return flag || closesPair(extent.end) ? extent : null;
}

/** `PASSWORD('S')` of SQL. */
export function call(at: number): Extent | null {
  const start = wordStart(view.codes, at);
  if (!(classOf[view.codes[at + 1]] & quote) || at - start > 12) return null;
  if (!/^(?:old_)?password$/i.test(view.slice(start, at))) return null;
  return valueAt(view, at + 1, { ...bare, level: view.levels[at] });
}

/** `<password>S</password>`; the name of the tag begins at `tag`, and `named` is what an attribute of it says. */
export function element(at: number, tag: number, named: Kind, kindOf: KindOf): Extent | null {
  const { codes, length } = view;
  let start = tag;
  if (start < 0 || codes[at - 1] === Char.slash || codes[start] === Char.slash) return null;
  let end = start;
  while (end < at && (classOf[codes[end]] & nameChar || codes[end] === Char.colon) && end - start < maxNameChars) {
    if (codes[end++] === Char.colon) start = end;
  }
  const kind = end === at || classOf[codes[end]] & blank ? kindOf(view.slice(start, end)) : Kind.none;
  if (kind <= Kind.maybe && named === Kind.none) return null;
  let close = at + 1;
  while (
    close + 1 < length &&
    !(codes[close] === Char.less && (codes[close + 1] === Char.slash || classOf[codes[close + 1]] & nameChar))
  )
    close++;
  return codes[close + 1] === Char.slash ? { start: at + 1, end: close } : null;
}
