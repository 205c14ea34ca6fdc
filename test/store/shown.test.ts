import { describe, expect, it } from 'vitest';
import { durationText } from '../../src/traceql/duration.ts';
import { type FoundSpan, Inside } from './fixture.ts';
import { Double, fullRequest } from './told-json.ts';

const store = () =>
  new Inside().keepBytes(
    fullRequest({
      trace: 'full',
      resource: { 'service.name': 'web', version: new Double(2) },
      scope: { name: 'lib', attributes: { n: 4 } },
      attributes: {
        ...{ two: new Double(2), zero: new Double(0), big: 9_007_199_254_740_993n, one: 1, tags: ['r', 'g'] },
        ...{ map: { a: 1 }, bytes: new Uint8Array([1]), nothing: null, empty: '' },
      },
      message: 'boom',
      events: [
        { name: 'first', atMs: 50, attributes: { type: 'E1', n: new Double(3) } },
        { name: 'second', atMs: 70.5, attributes: { type: 'E2' } },
      ],
      links: [{ trace: '00000000000000000000000000000ff1' }],
    }),
  );

const tagList = (texts: readonly string[]) => ({
  tags: { arrayValue: { values: texts.map((stringValue) => ({ stringValue })) } },
});

/** What a query's answer shows of its only span, beside what it always does. */
async function shown(q: string): Promise<unknown> {
  using all = store();
  const [{ spanSet }] = await all.search({ q });
  const { attributes } = spanSet!.spans[0] as FoundSpan;
  return attributes && Object.fromEntries(attributes.map(({ key, value }) => [key, value]));
}

describe('with each span a search shows', () => {
  it.each([
    ['.two', { two: { doubleValue: 2 } }],
    ['.zero', { zero: { doubleValue: 0 } }],
    ['.one', { one: { intValue: '1' } }],
    ['.big', { big: { intValue: '9007199254740993' } }],
    ['.empty', { empty: { stringValue: '' } }],
    ['.tags', { tags: { arrayValue: { values: [{ stringValue: 'r' }, { stringValue: 'g' }] } } }],
    ['.map', undefined],
    ['.bytes', undefined],
    ['.nothing', undefined],
    ['.missing', undefined],
    ['resource.version', { version: { doubleValue: 2 } }],
    ['instrumentation.n', { n: { intValue: '4' } }],
    ['event.type', { type: { stringValue: 'E2' } }],
    ['event.n', { n: { doubleValue: 3 } }],
    ['event:name', { 'event:name': { stringValue: 'second' } }],
    ['event:timeSinceStart', { 'event:timeSinceStart': { stringValue: '70.5ms' } }],
    ['link:traceID', { 'link:traceID': { stringValue: 'ff1' } }],
    ['statusMessage', { statusMessage: { stringValue: 'boom' } }],
    ['status', { status: { stringValue: 'error' } }],
    ['instrumentation:version', { 'instrumentation:version': { stringValue: '' } }],
  ])('%s as its sender gave it, of events and links the last', async (field, attributes) => {
    expect(await shown(`{} | select(${field})`)).toEqual(attributes);
  });

  it.each([
    ['{ event:name = "first" }', { 'event:name': { stringValue: 'first' } }],
    ['{ event:timeSinceStart < 60ms }', { 'event:timeSinceStart': { stringValue: '50ms' } }],
    ['{ event.type =~ "E1|E3" }', { type: { stringValue: 'E1' } }],
    ['{ .tags = "r" }', { tags: { stringValue: 'r' } }],
    ['{ .tags = "r" && .tags = "g" }', tagList(['r', 'g'])],
    ['{ .tags = "r" } | select(.tags)', tagList(['r', 'g'])],
  ])('%s what it looked for', async (q, attributes) => {
    expect(await shown(q)).toEqual(attributes);
  });
});

it.each([
  [0, '0s'],
  [1, '1ns'],
  [2500, '2.5µs'],
  [50_000_000, '50ms'],
  [-50_000_000, '-50ms'],
  [1_500_000_000, '1.5s'],
  [60_000_000_000, '1m0s'],
  [3_725_500_000_000, '1h2m5.5s'],
])('%i ns are %s in Go', (ns, text) => {
  expect(durationText(ns)).toBe(text);
});
