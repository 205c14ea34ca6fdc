import { copyBytes } from './copy.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from './cursor.ts';
import { resourceTexts, schemaUrlTexts, scopeTexts, withMendedText } from './mend-text.ts';
import { instrumentationLibrarySpans, ResourceSpans, ScopeSpans } from './otlp.ts';

/**
 * What surrounds a slice, as views into the request it came in: resource and scope messages, and everything else that
 * stands beside them (schema URLs, unknown fields), tags included. Empty where there is nothing; a copy where text had
 * to be mended.
 */
export interface Envelope {
  readonly resource: Uint8Array;
  readonly resourceRest: Uint8Array;
  readonly scope: Uint8Array;
  readonly scopeRest: Uint8Array;
}

/**
 * Set in the position of a ScopeSpans when its spans stand together, with nothing behind them but what `tailAt` finds.
 * Then all of them are skipped at once; else their lengths are read one by one, hundreds of lines of memory that nobody
 * touched for seconds.
 */
export const skippable = 1 << 31;

/** So few are as well walked over one by one. */
const fewSpans = 8;

/** Whether so many spans, which stand together up to `spansTo` in a ScopeSpans that ends at `end`, are worth that mark. */
export const canBeSkipped = (spans: number, spansTo: number, buf: Uint8Array, end: number): boolean =>
  spans >= fewSpans && tailAt(buf, end) === spansTo;

/** Where the schema URL, a short one, starts that ends at `end`; `end` where the bytes before do not look like one. */
export function tailAt(buf: Uint8Array, end: number): number {
  for (let length = 0; length < 0x80 && end - length >= 2; length++) {
    const at = end - length - 2;
    if (buf[at + 1] === length && buf[at] === schemaUrlTag) return at;
  }
  return end;
}

const schemaUrlTag = ScopeSpans.schemaUrl * 8 + 2;

/**
 * Looks up a slice's envelope from the two positions its scan noted: where the lengths of its ResourceSpans and its
 * ScopeSpans stand. A message that occurs twice is joined, which is how protobuf merges it.
 */
export function readEnvelope(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): Envelope {
  return { ...readResource(buf, resourceSpansAt), ...readScope(buf, scopeSpansAt) };
}

export type ResourceEnvelope = Pick<Envelope, 'resource' | 'resourceRest'>;

/** The outer half of an envelope: of all scopes in it. */
export function readResource(buf: Uint8Array, resourceSpansAt: number): ResourceEnvelope {
  const [resource, resourceRest] = collect(
    buf,
    resourceSpansAt,
    ResourceSpans.resource,
    ResourceSpans.scopeSpans,
    instrumentationLibrarySpans,
    false,
  );
  return {
    resource: withMendedText(resource, resourceTexts),
    resourceRest: withMendedText(resourceRest, schemaUrlTexts),
  };
}

/** The inner half. */
export function readScope(buf: Uint8Array, scopeSpansAt: number): Pick<Envelope, 'scope' | 'scopeRest'> {
  const skips = (scopeSpansAt & skippable) !== 0;
  const [scope, scopeRest] = collect(buf, scopeSpansAt & ~skippable, ScopeSpans.scope, ScopeSpans.spans, none, skips);
  return { scope: withMendedText(scope, scopeTexts), scopeRest: withMendedText(scopeRest, schemaUrlTexts) };
}

const none = 0;

/**
 * The bodies of field `wanted`, and all other fields but `leftOut`, of which there may be hundreds, and `deprecated`,
 * its older number; `skips`: see `skippable`.
 */
function collect(
  buf: Uint8Array,
  lengthAt: number,
  wanted: number,
  leftOut: number,
  deprecated: number,
  skips: boolean,
): [Uint8Array, Uint8Array] {
  const found = new Ranges();
  const rest = new Ranges();
  const leftOutTag = leftOut * 8 + 2;
  let pos = open(buf, lengthAt, buf.length);
  const end = bodyEnd;
  while (pos < end) {
    if (buf[pos] === leftOutTag) {
      open(buf, pos + 1, end);
      pos = skips ? tailAt(buf, end) : bodyEnd;
      continue;
    }
    const from = pos;
    pos = readTag(buf, pos, end);
    const isWanted = fieldNumber === wanted;
    const isLeftOut = fieldNumber === leftOut || fieldNumber === deprecated;
    const at = fieldType === 2 ? open(buf, pos, end) : pos;
    pos = skipValue(buf, pos, end, fieldType);
    if (isWanted) found.add(at, pos);
    else if (!isLeftOut) rest.add(from, pos);
  }
  return [found.of(buf), rest.of(buf)];
}

const nothing = new Uint8Array(0);

/** Stretches of a message, neighbours joined, so that a million fields side by side are one. Two numbers a stretch. */
class Ranges {
  readonly #at: number[] = [];

  add(start: number, end: number): void {
    const at = this.#at;
    if (at.length > 0 && at[at.length - 1] === start) at[at.length - 1] = end;
    else if (end > start) at.push(start, end);
  }

  /** A view where there is one, else a copy. */
  of(buf: Uint8Array): Uint8Array {
    const at = this.#at;
    if (at.length === 0) return nothing;
    if (at.length === 2) return buf.subarray(at[0], at[1]);
    let length = 0;
    for (let i = 0; i < at.length; i += 2) length += at[i + 1] - at[i];
    const whole = new Uint8Array(length);
    for (let i = 0, to = 0; i < at.length; i += 2) {
      copyBytes(buf, at[i], at[i + 1], whole, to);
      to += at[i + 1] - at[i];
    }
    return whole;
  }
}
