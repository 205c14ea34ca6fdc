import { expect, it } from 'vitest';
import { noConditions } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import { type Part, Splitter } from '../../src/route/split.ts';
import { spanIdentities } from '../support/identity.ts';
import { random } from '../support/random.ts';
import { requestBytes, type Told } from '../support/spans.ts';

function cut(request: Uint8Array, groupOf: (i: number) => number, groups: number, maxBytes = 1 << 20) {
  const scan = new RequestScan();
  scan.run(request, 0, request.length, noConditions);
  const { slices: rows, stride, count } = scan;
  const byGroup = Int32Array.from({ length: count }, (_, i) => groupOf(i));
  return new Splitter().split({ bytes: request, rows, stride, count }, byGroup, groups, maxBytes);
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
    underWay.push({ part: splitter.whole(request, count), wanted });
    while (underWay.length > 8) {
      const [{ part, wanted: own }] = underWay.splice(Math.floor(next() * underWay.length), 1);
      expect(spanIdentities(part.body)).toEqual(own);
      splitter.giveBack(part);
    }
  }
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
  expect(cut(request, (i) => i % 4, 4, 30_000)).toBeUndefined();
});
