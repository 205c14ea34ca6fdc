import { Duration, fault, Id, isList, Moment, type Value, type ValueOrFault } from './value.ts';

/** A value as text, as pkg/ottl's StringLikeGetter makes it; nil stays nil. */
export function asText(value: Value): string | null | typeof fault {
  if (value === null || typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Id || value instanceof Moment) return fault;
  return asJson(value);
}

/** As Go programs write JSON: keys in order, bytes as base64, `<`, `>` and `&` escaped. */
function asJson(value: Value): string | typeof fault {
  if (value === null) return 'null';
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? numeral(value) : fault;
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`;
  if (value instanceof Duration) return String(value.ns);
  if (isList(value)) return joined(value.map(asJson), '[', ']');
  if (!(value instanceof Map)) return fault;
  const entries = [...value].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return joined(
    entries.map(([key, item]) => {
      const text = asJson(item);
      return text === fault ? fault : `${quoted(key)}:${text}`;
    }),
    '{',
    '}',
  );
}

/** Exponents have two digits or more: the Collector's encoder is goccy/go-json. */
const numeral = (value: number): string => (Object.is(value, -0) ? '-0' : String(value).replace(/e-(\d)$/, 'e-0$1'));

function joined(parts: readonly (string | typeof fault)[], open: string, close: string): string | typeof fault {
  return parts.includes(fault) ? fault : `${open}${parts.join(',')}${close}`;
}

const escaped: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
const quoted = (text: string): string => JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (sign) => escaped[sign]!);

const ascii = /^\p{ASCII}*$/u;

/** Each character by itself, as Go has it: no `ß` becomes `SS`, and no sigma looks at its neighbours. */
export const toLower = (text: string): string =>
  ascii.test(text)
    ? text.toLowerCase()
    : Array.from(text, (char) => (char === 'İ' ? 'i' : only(char, char.toLowerCase()))).join('');
export const toUpper = (text: string): string =>
  ascii.test(text) ? text.toUpperCase() : Array.from(text, (char) => only(char, char.toUpperCase())).join('');
const only = (char: string, changed: string): string => ([...changed].length === 1 ? changed : char);

/** Of bytes, as Go counts; `safe` does not cut characters. A fault where there are not so many. */
export function substring(text: string, start: bigint, length: bigint, safe: boolean): ValueOrFault {
  const bytes = Buffer.from(text);
  if (start < 0n || length <= 0n || start + length > BigInt(bytes.length)) return fault;
  let from = Number(start);
  let to = from + Number(length);
  const starts = (at: number) => (bytes[at]! & 0xc0) !== 0x80;
  if (safe) {
    while (from < bytes.length && !starts(from)) from++;
    while (from < to && to < bytes.length && !starts(to)) to--;
    to = Math.max(from, to);
  }
  return bytes.toString('utf8', from, to);
}
