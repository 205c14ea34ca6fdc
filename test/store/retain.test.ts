import { describe, expect, it } from 'vitest';
import { retentionPlan } from '../../src/store/limits.ts';
import { requestBytes } from '../support/spans.ts';
import { hour, Inside, start } from './fixture.ts';

const mebibyte = 1024 * 1024;

describe('old traces go', () => {
  it('by the age of their arrival, not of their spans', async () => {
    using store = new Inside({ retentionMs: 24 * hour, maxBytes: 1024 * mebibyte });
    store.keepBytes(requestBytes({ trace: 'old', name: 'old', startMs: start }), start);
    store.keepBytes(requestBytes({ trace: 'restored', name: 'restored', startMs: start - 1000 * hour }), start + hour);
    store.retain(start + 24 * hour);
    expect(await store.names('{}')).toEqual(['old', 'restored']);
    store.retain(start + 24 * hour + 1);
    expect(await store.names('{}')).toEqual(['restored']);
    store.retain(start + 25 * hour + 1);
    expect(store.stats).toMatchObject({ traces: 0, oldestAt: 0 });
  });

  it('in as many steps as it takes', async () => {
    using store = new Inside({ retentionMs: hour, maxBytes: 1024 * mebibyte });
    for (let i = 0; i < 1000; i++) store.keepBytes(requestBytes({ trace: `t${i}` }), start + (i < 900 ? 0 : hour));
    store.retain(start + hour + 1);
    expect(store.stats).toMatchObject({ traces: 100, oldestAt: start + hour });
  });

  it('with their attribute values', async () => {
    using store = new Inside({ retentionMs: hour, maxBytes: 1024 * mebibyte });
    store.keepBytes(requestBytes({ trace: 'a', service: 'gone' }), start);
    store.keepBytes(requestBytes({ trace: 'b', service: 'here' }), start + hour);
    store.retain(start + hour + 1);
    const values = () => store.json('/api/search/tag/service.name/values');
    expect(await values()).toMatchObject({ tagValues: ['here'] });
    store.keepBytes(requestBytes({ trace: 'c', service: 'gone' }), start + hour + 2);
    expect(await values()).toMatchObject({ tagValues: ['gone', 'here'] });
  });

  it('oldest first when the bytes are too many, and the file stops growing', async () => {
    const maxBytes = 4 * mebibyte;
    using store = new Inside({ retentionMs: 24 * hour, maxBytes });
    for (let i = 0; i < 400; i++) {
      store.keepBytes(requestBytes({ trace: `t${i}`, name: `n${i}`, startMs: start + i, noise: 40_000 }), start + i);
      store.retain(start + i);
      expect(store.stats.bytes).toBeLessThanOrEqual(maxBytes);
    }
    const { traces, bytes, oldestAt } = store.stats;
    expect(bytes).toBeGreaterThan(0.7 * maxBytes);
    expect(oldestAt).toBe(start + 400 - traces);
    const names = await store.search({ q: '{}', limit: 1000 });
    expect(names.map((trace) => trace.rootTraceName)).toEqual(Array.from({ length: traces }, (_, i) => `n${399 - i}`));
    expect(store.fileBytes).toBeLessThan(1.25 * maxBytes);
  });

  it('and the file becomes small again', () => {
    using store = new Inside({ retentionMs: hour, maxBytes: 1024 * mebibyte });
    for (let i = 0; i < 100; i++) store.keepBytes(requestBytes({ trace: `t${i}`, noise: 100_000 }), start);
    store.retain(start + 1);
    expect(store.fileBytes).toBeGreaterThan(5 * mebibyte);
    store.retain(start + hour + 1);
    store.checkpoint();
    expect(store.fileBytes).toBeLessThan(0.2 * mebibyte);
  });

  it('and never for attribute values, which have an eighth of the store: their oldest go', async () => {
    const maxBytes = 4 * mebibyte;
    using store = new Inside({ retentionMs: 24 * hour, maxBytes });
    const values = (i: number) =>
      Object.fromEntries(Array.from({ length: 50 }, (_, key) => [`key${key}`, `${i}-${key}-`.padEnd(400, 'x')]));
    for (let i = 0; i < 300; i++) {
      store.keepBytes(requestBytes({ trace: `t${i}`, service: 'honest', attributes: values(i) }), start + i * 60_000);
      store.retain(start + i * 60_000);
    }
    const { traces, bytes, oldestAt } = store.stats;
    expect(bytes).toBeLessThanOrEqual(maxBytes);
    // 22 kB each with its digest, in 7/8 of the store without the values' 1/8.
    expect(traces).toBeGreaterThan(100);
    expect(oldestAt).toBe(start + (300 - traces) * 60_000);
    const found = async (tag: string) =>
      (await store.json<{ tagValues: string[] }>(`/api/search/tag/${tag}/values`)).tagValues;
    expect(await found('service.name')).toEqual(['honest']);
    const kept = (await found('key7')).map((value) => Number.parseInt(value, 10)).sort((a, b) => a - b);
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.at(-1)).toBeGreaterThan(290);
    expect(kept[0]).toBeGreaterThan(250);
    expect(store.tagPageBytes()).toBeLessThan(maxBytes / 8);
  });

  it('says what must go at a given time', () => {
    expect(retentionPlan(start, { retentionMs: hour, maxBytes: 8 * mebibyte })).toEqual({
      storedBefore: start - hour,
      bytes: 7 * mebibyte,
    });
    expect(retentionPlan(start, { retentionMs: hour, maxBytes: 1024 * mebibyte }).bytes).toBe(992 * mebibyte);
  });
});
