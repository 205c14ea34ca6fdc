import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';
import { requestBytes } from '../support/spans.ts';
import { hour, Inside, start } from './fixture.ts';
import { Double, type FullSpan, fullRequest } from './told-json.ts';

const sql = 'SELECT '.repeat(500);

/** A span that has everything, and one that has nothing. */
const full: FullSpan = {
  trace: 'full',
  name: 'GET /',
  resource: { 'service.name': 'web', version: new Double(2), labels: ['x', 'y'] },
  scope: { name: 'lib', version: '1.2', attributes: { 'scope.key': 'value' } },
  attributes: {
    ...{ method: 'GET', ratio: new Double(0.5), two: new Double(2), big: 9_007_199_254_740_993n, ok: true, empty: '' },
    ...{ payload: { a: 1 }, bytes: new Uint8Array([1]), nothing: null, none: [], sql },
    ...{ tags: ['r', 'g'] },
  },
  message: 'boom',
  events: [
    { name: 'exception', atMs: 0.05, attributes: { 'exception.type': 'E1', trace: 'at '.repeat(2000) } },
    { name: 'retry', atMs: 0.07, attributes: { attempt: 2 } },
  ],
  links: [{ trace: 'other', attributes: { 'link.kind': 'follows' } }],
};
const bare: FullSpan = { trace: 'bare', parent: 'elsewhere' };

const shop = () => new Inside().keepBytes(fullRequest(full, bare));

interface Value {
  readonly type: string;
  readonly value?: string;
}

async function values(store: Inside, tag: string, query: Record<string, string | number> = {}): Promise<string[]> {
  const path = `/api/v2/search/tag/${encodeURIComponent(tag)}/values`;
  const { tagValues } = await store.json<{ tagValues: Value[] }>(path, query);
  return tagValues.map(({ type, value = '' }) => `${type}:${value}`).sort();
}

const keys = async (store: Inside, scope: string, query = {}): Promise<readonly string[]> => {
  const { scopes } = await store.json<{ scopes: { name: string; tags: string[] }[] }>('/api/v2/search/tags', {
    scope,
    ...query,
  });
  expect(scopes.every(({ name }) => name === scope)).toBe(true);
  return scopes[0]?.tags ?? [];
};

const spanKeys = 'big bytes empty method none nothing ok payload ratio sql tags two'.split(' ');
const everyKey = ['attempt', 'exception.type', 'trace', 'link.kind', 'scope.key', 'labels', 'service.name', 'version'];

describe('the keys that there are', () => {
  it('are listed by scope, those whose values are long, maps, bytes or nothing as well', async () => {
    using store = shop();
    expect(await keys(store, 'resource')).toEqual(['labels', 'service.name', 'version']);
    expect(await keys(store, 'span')).toEqual(spanKeys);
    expect(await keys(store, 'event')).toEqual(['attempt', 'exception.type', 'trace']);
    expect(await keys(store, 'link')).toEqual(['link.kind']);
    expect(await keys(store, 'instrumentation')).toEqual(['scope.key']);
    const { tagNames } = await store.json<{ tagNames: string[] }>('/api/search/tags');
    expect(tagNames).toEqual([...everyKey, ...spanKeys].sort());
  });

  it('are as many a scope as are asked for, and those of matching spans', async () => {
    using store = shop();
    expect(await keys(store, 'span', { limit: 2 })).toEqual(['big', 'bytes']);
    expect(await keys(store, 'event', { q: '{ name = "GET /" }' })).toEqual(['attempt', 'exception.type', 'trace']);
    expect(await keys(store, 'event', { q: '{ status = unset }' })).toEqual([]);
    expect(await store.json('/api/search/tags', { limit: 1 })).toMatchObject({ tagNames: ['attempt'] });
  });

  it('are 5,000; where more came the oldest make room, and whoever is still sent has it', async () => {
    using store = new Inside();
    const flood = (from: number, key: string) =>
      requestBytes(
        ...Array.from({ length: 60 }, (_, i) => ({
          trace: 'flood',
          service: 'honest',
          attributes: Object.fromEntries(Array.from({ length: 100 }, (_, k) => [`${key}${from + i * 100 + k}`, 'x'])),
        })),
      );
    store.keepBytes(flood(10_000, 'old'), start);
    expect((await keys(store, 'span')).length).toBeLessThanOrEqual(5000);
    // Whoever floods goes on; who is sent all the time is noted again, once an hour.
    store.keepBytes(requestBytes({ trace: 'a', service: 'honest', attributes: { mine: 1 } }), start + hour);
    expect(await keys(store, 'span')).not.toContain('mine');
    store.retain(start + hour);
    store.keepBytes(requestBytes({ trace: 'b', service: 'honest', attributes: { mine: 1 } }), start + hour);
    expect(await keys(store, 'span')).toContain('mine');
    expect(await values(store, 'resource.service.name')).toEqual(['string:honest']);
    // Of a key without room the traces themselves tell.
    const without = Array.from({ length: 6000 }, (_, i) => `old${10_000 + i}`);
    const listed = new Set(await keys(store, 'span'));
    expect(await values(store, `span.${without.find((key) => !listed.has(key))}`)).toEqual(['string:x']);
  });
});

describe('the values that there are', () => {
  const expected: [string, string[]][] = [
    ['statusMessage', ['string:', 'string:boom']],
    ['rootName', ['string:', 'string:GET /']],
    ['rootServiceName', ['string:', 'string:web']],
    ['event:name', ['string:exception', 'string:retry']],
    ['instrumentation:name', ['string:', 'string:lib']],
    ['instrumentation:version', ['string:', 'string:1.2']],
    ['name', ['string:', 'string:GET /']],
    ['event:timeSinceStart', ['int:50000', 'int:70000']],
    ['.two', ['float:2.0']],
    ['.version', ['float:2.0']],
    ['span.big', ['int:9007199254740993']],
    ['.empty', ['string:']],
    ['.tags', ['string:g', 'string:r']],
    ['.payload', []],
    ['.sql', [`string:${sql}`]],
    ['event.exception.type', ['string:E1']],
    ['event.attempt', ['int:2']],
    ['.attempt', []],
    ['link.link.kind', ['string:follows']],
    ['instrumentation.scope.key', ['string:value']],
    ['.scope.key', ['string:value']],
    ['span:id', []],
  ];

  it.each(expected)('of %s are the same with a filter as without', async (tag, wanted) => {
    using store = shop();
    expect(await values(store, tag)).toEqual(wanted);
    expect(await values(store, tag, { q: '{ true }' })).toEqual(wanted);
    expect(await values(store, tag, { limit: 1 })).toHaveLength(Math.min(1, wanted.length));
    expect(await values(store, tag, { limit: 1, q: '{ true }' })).toHaveLength(Math.min(1, wanted.length));
  });

  it('are of an attribute that stands there twice what the first one says, though that is no text, or nothing', async () => {
    using store = new Inside();
    const w = new Writer();
    const attribute = (field: number, key: string, value: () => void): void => {
      const at = w.open(field);
      w.string(1, key);
      const any = w.open(2);
      value();
      w.close(any);
      w.close(at);
    };
    const spans = w.open(1);
    const resource = w.open(1);
    attribute(1, 'service.name', () => {
      w.tag(3, 0);
      w.int64(7n);
    });
    attribute(1, 'service.name', () => w.string(1, 'second'));
    w.close(resource);
    const scope = w.open(2);
    const span = w.open(2);
    w.bytes(1, Buffer.alloc(16, 1));
    w.bytes(2, Buffer.alloc(8, 1));
    w.string(5, 'root');
    attribute(9, 'x', () => {});
    attribute(9, 'x', () => w.string(1, 'second'));
    w.close(span);
    w.close(scope);
    w.close(spans);
    store.keepBytes(w.finish());
    expect(await values(store, 'rootServiceName')).toEqual(['string:']);
    expect(await store.search({ q: '{ rootServiceName = "second" }' })).toEqual([]);
    expect(await store.search({ q: '{ resource.service.name = "second" }' })).toEqual([]);
    expect(await store.search({ q: '{ span.x = "second" }' })).toEqual([]);
    const [found] = await store.search({ q: '{ resource.service.name = 7 } | select(span.x)' });
    expect(JSON.stringify(found)).not.toContain('second');
  });

  it('come from all traces, however many are newer', async () => {
    using store = shop();
    for (let i = 0; i < 600; i++) store.keep({ trace: `t${i}`, service: 'late', startMs: start + i });
    expect(await values(store, 'statusMessage')).toContain('string:boom');
    expect(await values(store, 'rootServiceName')).toEqual(['string:', 'string:late', 'string:web']);
    expect(await values(store, 'event:name', { q: '{ resource.service.name = "web" }' })).toContain('string:retry');
  });

  it('of version 1 have no scope, and some tags their own meaning', async () => {
    using store = shop();
    const old = async (tag: string) =>
      (await store.json<{ tagValues: string[] }>(`/api/search/tag/${tag}/values`)).tagValues;
    expect(await old('status.code')).toEqual(['error', 'ok', 'unset']);
    expect(await old('error')).toEqual(['true']);
    expect(await old('root.name')).toEqual(['', 'GET /']);
    expect(await old('root.service.name')).toEqual(['', 'web']);
    expect(await old('service.name')).toEqual(['web']);
    expect(await old('scope.key')).toEqual(['value']);
    expect(await old('two')).toEqual(['2.0']);
    expect(await old('exception.type')).toEqual([]);
  });
});

describe('a wrong start or end', () => {
  it.each([
    '/api/search',
    '/api/search/tags',
    '/api/v2/search/tags',
    '/api/search/tag/method/values',
    '/api/v2/search/tag/.method/values',
    '/api/traces/af',
    '/api/v2/traces/af',
  ])('is refused by %s', async (path) => {
    using store = shop();
    for (const wrong of [{ start: 'x' }, { end: '1.5' }, { start: -1 }, { start: 5, end: 3 }, { start: start }])
      expect(await store.get(path, wrong as Record<string, string>)).toMatchObject({ status: 400 });
    const { status } = await store.get(path, { start: 1, end: 2 });
    expect(status).toBe(path === '/api/traces/af' ? 404 : 200);
  });
});
