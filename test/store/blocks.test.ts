import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyFiles } from '../../src/store/body-files.ts';
import { Request, ResourceSpans, ScopeSpans, Span } from '../../src/wire/otlp.ts';
import { Writer } from '../../src/wire/writer.ts';
import { idOf, requestBytes, type Told, traceIdHex } from '../support/spans.ts';
import { start, temporaryDirectory } from './fixture.ts';
import { bodiesIn, mebibyte, opened } from './open-parts.ts';

const path = '/checkout/confirm';
/** A request of spans with these trace ids, each another span. */
function withIds(ids: readonly Uint8Array[]): Uint8Array {
  const w = new Writer();
  const resource = w.open(Request.resourceSpans);
  const scope = w.open(ResourceSpans.scopeSpans);
  for (const [i, id] of ids.entries()) {
    const span = w.open(ScopeSpans.spans);
    w.bytes(Span.traceId, id);
    w.bytes(Span.spanId, idOf(`s${i}`, 8));
    w.close(span);
  }
  w.close(scope);
  w.close(resource);
  return w.finish();
}

const alike = (count: number): Told[] =>
  Array.from({ length: count }, (_, i) => ({ trace: `t${i}`, name: `n${i}`, attributes: { path, i }, padding: 300 }));

describe('bodies are compressed together', () => {
  it('so that spans that have much in common take a small part of what came', () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    const came = requestBytes(...alike(2000));
    store.appender.append(came, start);
    const [file] = bodiesIn(home.path);
    expect(statSync(join(home.path, file)).size).toBeLessThan(came.length / 8);
  });

  it('and each is read by itself, in whatever order', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    store.keep(start, ...alike(2000));
    for (const i of [1999, 0, 1000, 1, 1998, 500]) expect([i, await store.times(`t${i}`, `n${i}`)]).toEqual([i, 1]);
    expect(await store.found('{ span.i = 1234 }')).toEqual(['n1234']);
  });

  it('those too large to be with others by themselves', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    const sizes = [0, 100_000, 130_000, 5 * mebibyte, 0, 131_072, 0];
    store.keep(start, ...sizes.map((padding, i) => ({ trace: `t${i}`, name: `n${i}`, padding })));
    for (const i of sizes.keys()) expect([i, await store.times(`t${i}`, `n${i}`)]).toEqual([i, 1]);
    expect(await store.found('{}')).toHaveLength(sizes.length);
  });

  it('and one that is still being gathered is known when it comes again in the same request', () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    // A trace of more spans than one part has: the second part looks for itself in the trace's first.
    const spans = Array.from({ length: 2500 }, (_, i) => ({ trace: 'long', id: `s${i}`, name: 'step' }));
    store.keep(start, ...spans);
    expect(store.db.prepare('SELECT count(*) AS parts FROM part').get()).toEqual({ parts: 2 });
  });
});

it('ids that come in two forms each in one request take no block for each', () => {
  using home = temporaryDirectory();
  using store = opened(home.path);
  const ids = Array.from({ length: 200 }, (_, i) => idOf(`t${i}`, 8));
  store.appender.append(withIds(ids.flatMap((id) => [id, Buffer.concat([Buffer.alloc(8), id])])), start);
  expect(store.retention.stats().traces).toBe(200);
  expect(store.db.prepare('SELECT count(*) AS blocks FROM block').get()).toEqual({ blocks: 1 });
});

describe('what a block says of its traces is checked', () => {
  /** A store of ten traces whose bodies are as long as each other, with this done to the block's directory. */
  function spoilt(directory: string, spoil: (bytes: DataView) => void) {
    const store = opened(directory);
    store.keep(start, ...Array.from({ length: 10 }, (_, i) => ({ trace: `t${i}`, id: `s${i}`, name: `n${i}` })));
    const bytes = store.db.prepare('SELECT directory FROM block').get()!.directory as Uint8Array;
    spoil(new DataView(bytes.buffer, bytes.byteOffset));
    store.db.prepare('UPDATE block SET directory = ?').run(bytes);
    return store;
  }

  it('so that none is shown with the spans of another', async () => {
    using home = temporaryDirectory();
    using store = spoilt(home.path, (bytes) => bytes.setUint32(2 * 44 + 28, bytes.getUint32(5 * 44 + 28)));
    expect([await store.times('t2', 'n5'), await store.times('t2', 'n2'), await store.times('t5', 'n5')]).toEqual([
      0, 0, 1,
    ]);
    expect((await store.found('{}')).sort()).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9].map((i) => `n${i}`));
  });

  it('and it is said, and what comes later is found', async () => {
    using home = temporaryDirectory();
    using store = spoilt(home.path, (bytes) => bytes.setUint32(2 * 44 + 16, 0x7ff8_0000));
    const asked = `/api/traces/${traceIdHex('t2')}`;
    expect(await store.ask(asked)).toMatchObject({ status: 404, body: expect.stringContaining('damaged') });
    store.keep(start, { trace: 't2', id: 'late', name: 'late', startMs: start + 5, attributes: { n: 1 } });
    expect(await store.times('t2', 'late')).toBe(1);
    expect(await store.found('{ span.n = 1 }')).toEqual(['late']);
  });

  it('and a search ends, whatever times there are', async () => {
    using home = temporaryDirectory();
    using store = spoilt(home.path, (bytes) => bytes.setFloat64(2 * 44 + 16, Number.NaN));
    expect(await store.found('{}')).toHaveLength(9);
  });
});

describe('a search of many blocks', () => {
  const startsMs = Array.from({ length: 1000 }, (_, i) => start + ((i * 7919) % 40_000) + 10 * i);
  const byStart = startsMs.map((startMs, i) => ({ startMs, name: `n${i}` })).sort((a, b) => b.startMs - a.startMs);

  /** Traces that began in another order than they came in; of every ninth a part came later. */
  function keepAll(store: ReturnType<typeof opened>): void {
    for (let i = 0; i < startsMs.length; i += 20)
      store.keep(
        start,
        ...startsMs
          .slice(i, i + 20)
          .map((startMs, n) => ({ trace: `t${i + n}`, name: `n${i + n}`, startMs: startMs + 0.5 })),
      );
    for (let i = 0; i < startsMs.length; i += 9)
      store.keep(start, { trace: `t${i}`, parent: 'x', startMs: startsMs[i] + 1, name: 'late' });
  }

  it('finds the newest first, exactly', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    keepAll(store);
    expect(await store.found('{}')).toEqual(byStart.map(({ name }) => name));
  });

  it('reads rows once, however many blocks are below them', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    keepAll(store);
    const { metrics } = JSON.parse((await store.ask('/api/search', 'q=%7B%7D&limit=1000')).body);
    expect(metrics.inspectedTraces).toBe(startsMs.length);
  });

  it('reads few of them where it is for a short time', async () => {
    using home = temporaryDirectory();
    using store = opened(home.path);
    keepAll(store);
    const query = new URLSearchParams({
      q: '{}',
      limit: '1000',
      start: String(start / 1000 + 20),
      end: String(start / 1000 + 21),
    });
    const { traces, metrics } = JSON.parse((await store.ask('/api/search', query.toString())).body);
    const inside = byStart.filter(({ startMs }) => startMs >= start + 19_999 && startMs < start + 21_000);
    expect(traces.map(({ rootTraceName }: { rootTraceName: string }) => rootTraceName)).toEqual(
      inside.map(({ name }) => name),
    );
    expect(metrics.inspectedTraces).toBe(inside.length);
  });
});

it('of bodies that pretend to be one that came again, one is read: each may be in a block of its own', () => {
  using home = temporaryDirectory();
  const bodies = new BodyFiles(join(home.path, 'traces.db'), mebibyte, () => []);
  bodies.begin();
  const [other, body] = ['other', 'again'].map((text) => Buffer.from(text));
  const pretended = bodies.refer(other).slice();
  new DataView(pretended.buffer).setUint32(13, crc32(body));
  const reference = bodies.refer(body).slice();
  expect(bodies.hasBody([bodies.refer(other).slice(), reference], body)).toBe(true);
  expect(bodies.hasBody([pretended, reference], body)).toBe(false);
  bodies.close();
});

describe('of a file that was altered', () => {
  const traces = Array.from({ length: 40 }, (_, i) => `t${i}`);

  it('every trace is whole, or missing, and never another', { timeout: 60_000 }, async () => {
    using home = temporaryDirectory();
    {
      using store = opened(home.path);
      for (let i = 0; i < traces.length; i += 4)
        store.keep(start, ...traces.slice(i, i + 4).map((trace) => ({ trace, name: `name of ${trace}`, noise: 50 })));
    }
    const file = join(home.path, bodiesIn(home.path)[0]);
    const before = readFileSync(file);
    const altered = fc.array(fc.tuple(fc.nat(before.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(altered, fc.nat(before.length), async (bytes, cut) => {
        const after = Buffer.from(before.subarray(0, bytes.length === 0 ? cut : before.length));
        for (const [at, bits] of bytes) after[at] ^= bits;
        writeFileSync(file, after);
        using store = opened(home.path);
        let missing = 0;
        for (const trace of traces) {
          const { status, body } = await store.ask(`/api/traces/${traceIdHex(trace)}`);
          if (status === 200) expect(body).toContain(`"name of ${trace}"`);
          else expect([status, body]).toEqual([404, expect.stringContaining('damaged')]);
          if (status !== 200) missing++;
        }
        // A byte is in one block, of four traces.
        if (bytes.length > 0) expect(missing).toBeLessThanOrEqual(4 * bytes.length);
      }),
      { numRuns: 150 },
    );
  });
});
