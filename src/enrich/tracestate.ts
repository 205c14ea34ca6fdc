import { parseThreshold, thresholdText } from '../model/threshold.ts';
import type { Writer } from '../wire/writer.ts';

const maxMembers = 32;
const maxValueChars = 256;
const subKey = /^[a-z][a-z0-9]*$/;
const subValue = /^[A-Za-z0-9._-]*$/;
const hexDigits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const member = Uint8Array.from('ot=th:', (char) => char.charCodeAt(0));

/** Writes field `field` with the tracestate `ot=th:…`, for a span that had none. Allocates nothing. */
export function writeThreshold(out: Writer, field: number, high: number, low: number): void {
  const digits = significantDigits(high, low);
  out.tag(field, 2);
  out.varint(member.length + digits);
  out.raw(member);
  out.reserve(digits);
  for (let i = 0; i < digits; i++) out.buf[out.pos++] = hexDigits[digit(high, low, i)];
}

/** The bytes that `writeThreshold` writes, for a field number below 16. */
export function thresholdFieldBytes(high: number, low: number): number {
  return 2 + member.length + significantDigits(high, low);
}

/**
 * The tracestate with `th` raised to the threshold where it is lower or absent; the very same text where nothing
 * changes; null where the `ot` member is malformed. A changed member moves to the front; others keep their order.
 * Source: OpenTelemetry specification, "TraceState Handling"; W3C Trace Context 3.3.1 and 3.5.
 */
export function raiseThreshold(traceState: string, high: number, low: number): string | null {
  const members = traceState.split(',').map((part) => part.trim());
  const ours = members.filter((part) => part.startsWith('ot='));
  if (ours.length > 1) return null;
  const before = ours[0]?.slice(3);
  const after = before === undefined ? `th:${thresholdText(high, low)}` : raisedValue(before, high, low);
  if (after === null || after === before) return after === null ? null : traceState;
  const others = members.filter((part) => part !== '' && !part.startsWith('ot='));
  return [`ot=${after}`, ...others].slice(0, maxMembers).join(',');
}

/** The value of the `ot` member with its `th` raised, in its place; a new one comes first. */
function raisedValue(value: string, high: number, low: number): string | null {
  const parts = value === '' ? [] : value.split(';').map((part) => splitOnce(part));
  if (value.length > maxValueChars || !parts.every(isValid) || hasTwins(parts)) return null;
  const th = parts.find(([key]) => key === 'th');
  if (th && !isLower(th[1], high, low)) return value;
  const text = thresholdText(high, low);
  const raised = th
    ? parts.map(([key, old]) => `${key}:${key === 'th' ? text : old}`).join(';')
    : [`th:${text}`, ...(value === '' ? [] : [value])].join(';');
  return raised.length <= maxValueChars ? raised : null;
}

function isValid([key, value]: readonly [string, string]): boolean {
  if (key === 'th') return parseThreshold(value) !== null;
  if (key === 'rv') return /^[0-9a-f]{14}$/.test(value);
  return subKey.test(key) && subValue.test(value);
}

function hasTwins(parts: readonly (readonly [string, string])[]): boolean {
  return new Set(parts.map(([key]) => key)).size < parts.length;
}

function isLower(text: string, high: number, low: number): boolean {
  const old = parseThreshold(text)!;
  return old.high !== high ? old.high < high : old.low < low;
}

function splitOnce(part: string): readonly [string, string] {
  const colon = part.indexOf(':');
  return colon < 0 ? ['', part] : [part.slice(0, colon), part.slice(colon + 1)];
}

/** The hex digit at `place` of the 14, counted from the left. */
function digit(high: number, low: number, place: number): number {
  return place < 6 ? (high >>> (4 * (5 - place))) & 15 : (low >>> (4 * (13 - place))) & 15;
}

function significantDigits(high: number, low: number): number {
  let digits = 14;
  while (digits > 1 && digit(high, low, digits - 1) === 0) digits--;
  return digits;
}
