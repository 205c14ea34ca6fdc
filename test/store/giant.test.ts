import { describe, expect, it } from 'vitest';
import { Pace, Turns } from '../../src/store/pace.ts';
import { traceIdHex } from '../support/spans.ts';
import { hour, Inside, start } from './fixture.ts';

const mebibyte = 1024 * 1024;

describe('a trace of 20 MiB', () => {
  const spans = Array.from({ length: 40 }, (_, i) => ({
    trace: 'giant',
    id: `${i}`,
    name: `s${i}`,
    padding: mebibyte / 2,
  }));
  const tooLarge = 'trace exceeds max size (max bytes: 16777216)';

  it('is shown in part, as Tempo shows one that is too large', async () => {
    using store = new Inside().keep(...spans);
    const v2 = await store.json<{ trace: { resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[] } }>(
      `/api/v2/traces/${traceIdHex('giant')}`,
    );
    expect(v2).toMatchObject({ status: 'PARTIAL', message: `${tooLarge}: its first part` });
    const shown = v2.trace.resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans));
    expect(shown.map(({ name }) => name)).toEqual(spans.slice(0, shown.length).map(({ name }) => name));
    expect(shown.length).toBeGreaterThan(28);
    expect(shown.length).toBeLessThan(33);
    const v1 = await store.get(`/api/traces/${traceIdHex('giant')}`);
    expect(v1).toMatchObject({ status: 422, body: tooLarge });
    const { body } = await store.get(`/api/v2/traces/${traceIdHex('giant')}`, {}, 'application/protobuf');
    const end = Buffer.from(body as Uint8Array)
      .subarray(-tooLarge.length - 20)
      .toString('latin1');
    expect(end).toContain(`\x18\x01\x22`);
    expect(end).toMatch(/: its first part$/);
  });

  it('is found by what is in that part', async () => {
    using store = new Inside().keep(...spans);
    expect((await store.search({ q: '{ name = "s3" }' }))[0]).toMatchObject({ traceID: traceIdHex('giant') });
  });

  it('is too large an answer where all of it is selected', async () => {
    using store = new Inside();
    for (let i = 0; i < 5; i++) store.keep(...spans.slice(0, 20).map((span) => ({ ...span, trace: `t${i}` })));
    const answer = await store.get('/api/search', { q: '{} | select(span.padding)', spss: 20 });
    expect(answer).toMatchObject({ status: 422, body: expect.stringContaining('ask for fewer traces (limit)') });
    expect(await store.search({ q: '{} | select(span.padding)', spss: 1 })).toHaveLength(5);
  });
});

it('a trace of many spans comes whole, in its order, each span once', async () => {
  using store = new Inside();
  const spans = Array.from({ length: 3500 }, (_, i) => ({ trace: 'many', id: `${i}`, name: `s${i}` }));
  store.keep(...spans).keep(...spans.slice(2000, 2600), { trace: 'many', id: 'late', name: 'late' });
  const { batches } = await store.json<{ batches: { scopeSpans: { spans: { name: string }[] }[] }[] }>(
    `/api/traces/${traceIdHex('many')}`,
  );
  const shown = batches.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans.map(({ name }) => name)));
  expect(shown).toEqual([...spans.map(({ name }) => name), 'late']);
  const [found] = await store.search({ q: '{ name = "s3499" }' });
  expect(found.spanSets![0]).toMatchObject({ matched: 1, spans: [{ name: 's3499' }] });
  expect(Object.values(found.serviceStats!)).toEqual([{ spanCount: 3501 }]);
});

it('a trace that retention deletes while it is read is not there, rather than there in part', async () => {
  const spans = Array.from({ length: 3500 }, (_, i) => ({ trace: 'many', id: `${i}` }));
  for (const [path, query, answer] of [
    [`/api/traces/${traceIdHex('many')}`, {}, { status: 404, body: 'trace not found' }],
    [`/api/v2/traces/${traceIdHex('many')}`, {}, { status: 200, body: '{"trace":{},"metrics":{}}' }],
    ['/api/search', { q: '{}' }, { status: 200, body: expect.stringContaining('"traces":[]') }],
  ] as const)
    for (const next of [[], [{ trace: 'other' }]]) {
      using store = new Inside().keep(...spans);
      class Interrupted extends Pace {
        #steps = 0;
        override next(): Promise<void> {
          if (++this.#steps === 2) {
            store.retain(start + 25 * hour);
            if (next.length > 0) store.keep(...next);
          }
          return super.next();
        }
      }
      expect(await store.get(path, query, '', new Interrupted(new Turns(), 0))).toMatchObject(answer);
    }
});
