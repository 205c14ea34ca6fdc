/**
 * Durations and sizes as operators write them, and what they are told of what they wrote. Syntax of durations: Go's time.ParseDuration, from milliseconds to
 * hours.
 */

const millisecondsOf: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const bytesOf: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds of `500ms`, `15s`, `1m30s`, `24h` or `0`; undefined for anything else. */
export function parseDuration(text: unknown): number | undefined {
  if (text === 0 || text === '0') return 0;
  if (typeof text !== 'string' || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * millisecondsOf[unit!]!, 0));
}

/** Bytes of `64MiB`, `5MB`, `1.5GiB` or a plain number; undefined for anything else. */
export function parseSize(text: unknown): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) && text >= 0 ? text : undefined;
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B)?$/.exec(text) : null;
  return match ? Math.round(Number(match[1]) * bytesOf[match[2] ?? 'B']!) : undefined;
}

/** The name of `known` that `name` is most likely a slip of, by edit distance; undefined where none is near. */
export function closest(name: string, known: readonly string[]): string | undefined {
  if (name.length > longestName) return undefined;
  const plain = (text: string) => text.toLowerCase().replace(/[-_. ]/g, '');
  const furthest = Math.max(1, Math.floor(name.length / 3));
  const ranked = known
    .filter((candidate) => Math.abs(plain(candidate).length - plain(name).length) <= furthest)
    .map((candidate) => ({ candidate, distance: editDistance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= furthest ? best.candidate : undefined;
}

/** The distance takes the product of two lengths; no name of ours comes near this one. */
const longestName = 64;

/** What somebody is told who wrote a key that is none. */
export function unknownKey(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  if (meant) return `unknown key, did you mean ${meant}?`;
  return known.length > 0 ? `unknown key, expected one of ${known.join(', ')}` : 'unknown key, expected none';
}

/** A value as the operator wrote it, cut to a readable length. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = json(value, 61);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** JSON, of a large value only as much as `room` characters show: to tell a mistake costs no more than the telling. */
function json(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (typeof value !== 'object' || value === null) return String(value);
  const list = Array.isArray(value);
  let text = '';
  for (const key in value) {
    if (text.length > room) break;
    const name = list ? '' : `${json(key, room)}:`;
    text += `${text && ','}${name}${json((value as Record<string, unknown>)[key], room - text.length)}`;
  }
  return list ? `[${text}]` : `{${text}}`;
}

export function isBlock(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const replaced = row[column - 1]! + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

const longestLine = 500;

/** A stranger's text as a part of one line, cut to `longest` characters. */
export function toLine(text: string, longest = longestLine): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  const escaped = (each: string) => `\\u{${each.codePointAt(0)!.toString(16)}}`;
  return cut.toWellFormed().replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped);
}
