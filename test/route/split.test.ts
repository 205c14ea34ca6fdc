import { expect, it } from 'vitest';
import { noConditions } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import type { SpanConditions } from '../../src/model/conditions.ts';
import { type Part, Splitter } from '../../src/route/split.ts';
import { Writer } from '../../src/wire/writer.ts';
import { spanIdentities } from '../support/identity.ts';
import { random } from '../support/random.ts';
import { requestBytes, spanBytes, type Told } from '../support/spans.ts';
import { compiled, seedRules } from '../support/story.ts';

function cut(
  request: Uint8Array,
  groupOf: (i: number) => number,
  groups: number,
  { maxBytes = 1 << 20, by = noConditions }: { maxBytes?: number; by?: SpanConditions } = {},
) {
  const { rows, stride, count } = scanOf(request, by);
  const byGroup = Int32Array.from({ length: count }, (_, i) => groupOf(i));
  const conditions = by === noConditions ? undefined : 7;
  return new Splitter().split({ bytes: request, rows, stride, count, conditions }, byGroup, groups, maxBytes);
}

function scanOf(request: Uint8Array, by: SpanConditions) {
  const scan = new RequestScan();
  scan.run(request, 0, request.length, by);
  const { slices, stride, count } = scan;
  return { rows: slices.subarray(0, count * stride), stride, count };
}

/** With the length of each span as `lengthOf` writes it, and fields between them that nobody knows. */
function requestOf(told: readonly Told[], lengthOf: (out: Writer, length: number) => void): Uint8Array {
  const out = new Writer();
  const resourceSpans = out.open(1);
  const scopeSpans = out.open(2);
  told.forEach((one, i) => {
    const span = spanBytes(one);
    out.tag(2, 2);
    lengthOf(out, span.length);
    out.raw(span);
    if (i % 7 === 0) out.string(99, 'unknown');
  });
  out.close(scopeSpans);
  out.close(resourceSpans);
  return out.finish();
}

/** Spans of several resources and scopes, neighbours or not. */
const spans = (seed: number, count: number): Told[] => {
  const next = random(seed);
  const one = (n: number): number => Math.floor(next() * n);
  return Array.from({ length: count }, (_, i) => ({
    trace: `t${one(9)}`,
    id: `s${i}`,
    service: `service-${one(3)}`,
    scope: `scope-${one(2)}`,
    padding: one(300),
  }));
};

it.each([1, 2, 3, 4, 5])(
  'every span is in its part, with its resource and scope, in the order it came; seed %d',
  (seed) => {
    const request = requestBytes(...spans(seed, 200));
    const wanted = spanIdentities(request);
    expect(wanted).toHaveLength(200);
    const parts = cut(request, (i) => (i * seed) % 7, 7) ?? [];
    parts.forEach(({ body, spans: count }, group) => {
      const own = wanted.filter((_, i) => (i * seed) % 7 === group);
      expect(spanIdentities(body)).toEqual(own);
      expect(count).toBe(own.length);
    });
  },
);

it.each([1, 2, 3])('what stays is found as another scan of it would find it; seed %d', (seed) => {
  const by = compiled(seedRules).conditions;
  const request = requestBytes(
    ...spans(seed, 300).map((span, i): Told => ({ ...span, status: i % 5 === 0 ? 'ERROR' : 'OK' })),
  );
  for (const groupOf of [(i: number) => (i >> 4) % 3, (i: number) => (i * seed) % 3, (i: number) => Number(i > 290)]) {
    const [here, ...others] = cut(request, groupOf, 3, { by }) ?? [];
    const { rows, stride, count } = scanOf(here.body, by);
    expect(here.found).toEqual({ rows, stride, count, conditions: 7, invalid: 0, reason: '' });
    expect(new Set(rows).size).toBeGreaterThan(count);
    for (const { found } of others) expect(found).toBeUndefined();
  }
});

it('a length that was written with more bytes than it needs has as many as it needs in a part', () => {
  const told = spans(5, 40).map((span): Told => ({ ...span, service: 'shop', scope: 'tests' }));
  const padded = requestOf(told, (out, length) =>
    out.raw(Uint8Array.of(0x80 | (length & 0x7f), 0x80 | (length >> 7), 0)),
  );
  const plain = requestOf(told, (out, length) => out.varint(length));
  expect(padded.length).toBeGreaterThan(plain.length);
  const bodies = (request: Uint8Array) => (cut(request, (i) => (i >> 2) % 2, 2) ?? []).map(({ body }) => [...body]);
  expect(bodies(padded)).toEqual(bodies(plain));
});

it('memory of parts that were delivered is that of parts to come, and of no part that is under way', () => {
  const splitter = new Splitter();
  const scan = new RequestScan();
  const next = random(11);
  const underWay: { readonly part: Part; readonly wanted: readonly string[] }[] = [];
  for (let n = 0; n < 200; n++) {
    const request = requestBytes(...spans(n, 1 + Math.floor(next() * 40)));
    const wanted = spanIdentities(request);
    scan.run(request, 0, request.length, noConditions);
    const { slices: rows, stride, count } = scan;
    const groups = Int32Array.from({ length: count }, (_, i) => i % 3);
    const parts = splitter.split({ bytes: request, rows, stride, count }, groups, 3, 1 << 20) ?? [];
    parts.forEach((part, group) => void underWay.push({ part, wanted: wanted.filter((_, i) => i % 3 === group) }));
    const whole = splitter.memoryFor(request.length).subarray(0, request.length);
    whole.set(request);
    underWay.push({ part: { body: whole, spans: count }, wanted });
    while (underWay.length > 8) {
      const [{ part, wanted: own }] = underWay.splice(Math.floor(next() * underWay.length), 1);
      expect(spanIdentities(part.body)).toEqual(own);
      splitter.giveBack(part.body);
    }
  }
});

it('rows of a part that came in are memory of the next one, and of none before that', () => {
  const by = compiled(seedRules).conditions;
  const splitter = new Splitter();
  const request = requestBytes(...spans(1, 300));
  const staying = () => {
    const scanned = { bytes: request, ...scanOf(request, by), conditions: 7 };
    const groups = Int32Array.from({ length: scanned.count }, (_, i) => i % 2);
    return splitter.split(scanned, groups, 2, 1 << 20)?.[0].found?.rows as Int32Array;
  };
  const [first, second] = [staying(), staying()];
  expect(second.buffer).not.toBe(first.buffer);
  expect(second).toEqual(first);
  splitter.giveBack(first);
  const third = staying();
  expect(third.buffer).toBe(first.buffer);
  expect(third).toEqual(second);
});

it('a part of nothing is an empty message', () => {
  const [all, nothing] = cut(requestBytes({ trace: 'a' }, { trace: 'b' }), () => 0, 2) ?? [];
  expect([all.spans, nothing.spans, nothing.body.length]).toEqual([2, 0, 0]);
});

it('an envelope goes once to each part, and what that makes of a request is bounded before it is written', () => {
  const resource = { large: 'x'.repeat(10_000) };
  const request = requestBytes(
    ...Array.from({ length: 40 }, (_, i): Told => ({ trace: `${i}`, service: 'shop', resource })),
  );
  const parts = cut(request, (i) => i % 4, 4) ?? [];
  for (const { body } of parts) {
    expect(body.length).toBeGreaterThan(10_000);
    expect(body.length).toBeLessThan(10_000 + 10 * 200);
  }
  expect(cut(request, (i) => i % 4, 4, { maxBytes: 30_000 })).toBeUndefined();
});
