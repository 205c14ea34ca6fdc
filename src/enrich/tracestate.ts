import { fraction, highOf, lowOf, rescaled } from '../model/inclusion.ts';
import type { Stamp } from '../model/stamp.ts';
import { parseThreshold, reaches, type Threshold, threshold, thresholdText } from '../model/threshold.ts';
import { Span } from '../wire/otlp.ts';
import { Writer } from '../wire/writer.ts';

/** W3C Trace Context 3.3.1.1. */
export const maxMembers = 32;
/** Of the `ot` member's ("TraceState Handling"). */
export const maxValueChars = 256;
const subKey = /^[a-z][a-z0-9]*$/;
const subValue = /^[A-Za-z0-9._-]*$/;

/** The field that was asked for last, and by which numbers: all spans of a trace ask for the same. */
const last = { field: new Writer(64), high: -1, low: -1, randomnessHigh: -1, randomnessLow: -1 };

/** Writes the tracestate `ot=th:…` of a span that had none, as a field of it. Allocates nothing but for a new trace. */
export function writeThreshold(out: Writer, stamp: Stamp): void {
  if (stamp.erasesThreshold) return;
  const { buf, pos } = fieldOf(stamp);
  out.raw(buf, 0, pos);
}

/** The bytes that `writeThreshold` writes. */
export const thresholdFieldBytes = (stamp: Stamp): number => (stamp.erasesThreshold ? 0 : fieldOf(stamp).pos);

function fieldOf(stamp: Stamp): Writer {
  const { thresholdHigh: high, thresholdLow: low, randomnessHigh, randomnessLow } = stamp;
  const isSame = last.high === high && last.low === low;
  if (isSame && last.randomnessHigh === randomnessHigh && last.randomnessLow === randomnessLow) return last.field;
  last.high = high;
  last.low = low;
  last.randomnessHigh = randomnessHigh;
  last.randomnessLow = randomnessLow;
  const randomness = randomnessHigh < 0 ? '' : `;${randomnessOf(stamp).join(':')}`;
  last.field.reset().string(Span.traceState, `ot=th:${thresholdText(high, low)}${randomness}`);
  return last.field;
}

/** What became of the `th` that came with the span that was weighed last. */
export const weighed = { isInconsistent: false };

/**
 * The tracestate with `th` raised to what the stamp says, where it is lower or absent; the very same text where nothing
 * changes, an empty one where nothing is left; null where the `ot` member is malformed. A `th` that the span's randomness
 * does not reach is erased: with which chance it came is not known, and no later stage can know. Nor is one written that
 * its explicit randomness would contradict. A changed member moves to the front; others keep their order.
 * Source: OpenTelemetry specification, "TraceState Handling" and "TraceState: Probability Sampling" (general
 * requirements); W3C Trace Context 3.3.1 and 3.5.
 */
export function weighTraceState(traceState: string, stamp: Stamp): string | null {
  weighed.isInconsistent = false;
  const members = traceState.split(',').map((part) => part.trim());
  const ours = members.filter((part) => part.startsWith('ot='));
  if (ours.length > 1) return null;
  const before = ours[0]?.slice(3);
  const after = weighedValue(before ?? '', stamp);
  if (after === null || after === before) return after === null ? null : traceState;
  const others = members.filter((part) => part !== '' && !part.startsWith('ot='));
  return [...(after === '' ? [] : [`ot=${after}`]), ...others].slice(0, maxMembers).join(',');
}

/**
 * What becomes of the `ot` member's value, empty where there is none: `th` stands in its place, or comes first where it
 * is new. Null where the value is malformed.
 */
export function weighedValue(value: string, stamp: Stamp): string | null {
  if (value.length > maxValueChars) return null;
  const parts = value === '' ? [] : value.split(';').map((part) => splitOnce(part));
  if (!parts.every(isValid) || hasTwins(parts)) return null;
  const own = new Map(parts);
  const th = own.get('th');
  const rv = own.get('rv');
  const before = th === undefined ? undefined : parseThreshold(th)!;
  weighed.isInconsistent = before !== undefined && !isReached(before, rv, stamp);
  const isErased = weighed.isInconsistent || stamp.erasesThreshold;
  const raised = isErased ? undefined : thresholdTextFor(before, stamp);
  const text =
    raised === undefined || (rv !== undefined && !isReached(parseThreshold(raised)!, rv, stamp)) ? undefined : raised;
  const isUnchanged = text === undefined ? th === undefined : before?.text === text;
  const kept = isUnchanged ? parts : withThreshold(parts, text);
  // Randomness that stands for another than the id's is the trace's own, and nobody may change it.
  const randomness = text !== undefined && rv === undefined && stamp.randomnessHigh >= 0 ? [randomnessOf(stamp)] : [];
  const after = [...kept, ...randomness].map((part) => part.join(':')).join(';');
  return after.length <= maxValueChars ? after : null;
}

function withThreshold(
  parts: readonly (readonly [string, string])[],
  text: string | undefined,
): (readonly [string, string])[] {
  if (text === undefined) return parts.filter(([key]) => key !== 'th');
  const isThere = parts.some(([key]) => key === 'th');
  if (!isThere) return [['th', text], ...parts];
  return parts.map((part) => (part[0] === 'th' ? ['th', text] : part));
}

/** Does the span's randomness reach the threshold with which it came? */
function isReached({ high, low }: Threshold, rv: string | undefined, { idHigh, idLow }: Stamp): boolean {
  if (rv === undefined) return reaches(idHigh, idLow, high, low);
  return reaches(Number.parseInt(rv.slice(0, 6), 16), Number.parseInt(rv.slice(6), 16), high, low);
}

/** Randomness that decided before decides no more than once; luck comes on top of it. */
function thresholdTextFor(before: Threshold | undefined, stamp: Stamp): string {
  const { thresholdHigh, thresholdLow } = stamp;
  if (before === undefined || (before.high === 0 && before.low === 0))
    return thresholdText(thresholdHigh, thresholdLow);
  const x = fraction(before.high, before.low);
  if (x >= stamp.luckTo && reaches(before.high, before.low, thresholdHigh, thresholdLow)) return before.text;
  if (x <= stamp.luckFrom || stamp.luckFrom === stamp.luckTo) return thresholdText(thresholdHigh, thresholdLow);
  const after = rescaled(x, stamp);
  return threshold(highOf(after), lowOf(after)).text;
}

const randomnessOf = ({ randomnessHigh: high, randomnessLow: low }: Stamp): readonly [string, string] => [
  'rv',
  high.toString(16).padStart(6, '0') + low.toString(16).padStart(8, '0'),
];

function isValid([key, value]: readonly [string, string]): boolean {
  if (key === 'th') return parseThreshold(value) !== null;
  if (key === 'rv') return /^[0-9a-f]{14}$/.test(value);
  return subKey.test(key) && subValue.test(value);
}

function hasTwins(parts: readonly (readonly [string, string])[]): boolean {
  return new Set(parts.map(([key]) => key)).size < parts.length;
}

function splitOnce(part: string): readonly [string, string] {
  const colon = part.indexOf(':');
  return colon < 0 ? ['', part] : [part.slice(0, colon), part.slice(colon + 1)];
}
