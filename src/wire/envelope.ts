import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from './cursor.ts';
import { ResourceSpans, ScopeSpans } from './otlp.ts';

/**
 * What surrounds a slice, as views into the request it came in: resource and scope messages, and everything else that stands beside
 * them (schema URLs, unknown fields), tags included. Empty where there is nothing.
 */
export interface Envelope {
  readonly resource: Uint8Array;
  readonly resourceRest: Uint8Array;
  readonly scope: Uint8Array;
  readonly scopeRest: Uint8Array;
}

/**
 * Looks up a slice's envelope from the two positions its scan noted: where the lengths of its ResourceSpans and its ScopeSpans stand.
 * A message that occurs twice is joined, which is how protobuf merges it.
 */
export function readEnvelope(buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): Envelope {
  const [resource, resourceRest] = collect(buf, resourceSpansAt, ResourceSpans.resource, ResourceSpans.scopeSpans);
  const [scope, scopeRest] = collect(buf, scopeSpansAt, ScopeSpans.scope, ScopeSpans.spans);
  return { resource, resourceRest, scope, scopeRest };
}

/** The bodies of field `wanted`, and all other fields but `leftOut`, of which there may be hundreds. */
function collect(buf: Uint8Array, lengthAt: number, wanted: number, leftOut: number): [Uint8Array, Uint8Array] {
  const found: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  const leftOutTag = leftOut * 8 + 2;
  let pos = open(buf, lengthAt, buf.length);
  const end = bodyEnd;
  while (pos < end) {
    if (buf[pos] === leftOutTag) {
      open(buf, pos + 1, end);
      pos = bodyEnd;
      continue;
    }
    const from = pos;
    pos = readTag(buf, pos, end);
    const isWanted = fieldNumber === wanted;
    const isLeftOut = fieldNumber === leftOut;
    const at = fieldType === 2 ? open(buf, pos, end) : pos;
    pos = skipValue(buf, pos, end, fieldNumber, fieldType);
    if (isWanted) found.push(buf.subarray(at, pos));
    else if (!isLeftOut) rest.push(buf.subarray(from, pos));
  }
  return [joined(found), joined(rest)];
}

const nothing = new Uint8Array(0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length < 2) return parts[0] ?? nothing;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
