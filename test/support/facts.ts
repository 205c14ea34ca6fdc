import type { TraceFacts } from '../../src/model/predicates.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../../src/wire/cursor.ts';
import { Request, ResourceSpans, ScopeSpans } from '../../src/wire/otlp.ts';
import { requestBytes, type Told } from './spans.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a decision looks at: nothing, but for what is told. */
export const factsOf = (told: Partial<TraceFacts> = {}): Mutable<TraceFacts> => ({
  bits: new Int32Array(1),
  id: new Int32Array(4),
  randomnessHigh: 0,
  randomnessLow: 0,
  spans: 1,
  bytes: 0,
  durationNs: 0,
  now: 0,
  trace: { forEach: () => {} },
  ...told,
});

/** A trace of these spans as a decision sees it, with randomness 0 and no condition fulfilled. */
export function factsOfSpans(...spans: Told[]): Mutable<TraceFacts> {
  const message = requestBytes(...spans);
  // A cursor may look a few bytes ahead.
  const buf = new Uint8Array(message.length + 16);
  buf.set(message);
  const places = placesIn(buf, message.length);
  return factsOf({
    spans: places.length,
    bytes: places.reduce((sum, { start, end }) => sum + end - start, 0),
    trace: {
      forEach(visit) {
        for (const place of places) if (!visit(place)) return;
      },
    },
  });
}

function placesIn(buf: Uint8Array, end: number) {
  return fields(buf, 0, end, Request.resourceSpans).flatMap(([resourceSpansAt, rsStart, rsEnd]) =>
    fields(buf, rsStart, rsEnd, ResourceSpans.scopeSpans).flatMap(([scopeSpansAt, ssStart, ssEnd]) =>
      fields(buf, ssStart, ssEnd, ScopeSpans.spans).map(([, start, end]) => ({
        buf,
        start,
        end,
        resourceSpansAt,
        scopeSpansAt,
        resourceNumber: 0,
        scopeNumber: 0,
      })),
    ),
  );
}

/** Where the length of each field of that number stands, and its body. */
function fields(buf: Uint8Array, start: number, end: number, wanted: number): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (let pos = start; pos < end; ) {
    pos = readTag(buf, pos, end);
    const isWanted = fieldNumber === wanted && fieldType === 2;
    const lengthAt = pos;
    pos = skipValue(buf, pos, end, fieldType);
    if (isWanted) found.push([lengthAt, open(buf, lengthAt, end), bodyEnd]);
  }
  return found;
}
