import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyFiles } from '../../src/store/body-files.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';
import { start, temporaryDirectory } from './fixture.ts';
import { bodiesIn, mebibyte, opened } from './open-parts.ts';

const path = '/checkout/confirm';
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

it('of bodies that pretend to be one that came again, one is read: each may be in a block of its own', () => {
  using home = temporaryDirectory();
  const bodies = new BodyFiles(join(home.path, 'traces.db'), mebibyte, () => []);
  bodies.begin();
  const [other, body] = ['other', 'again'].map((text) => Buffer.from(text));
  const pretended = bodies.add(other).slice();
  new DataView(pretended.buffer).setUint32(13, crc32(body));
  const reference = bodies.add(body).slice();
  expect(bodies.hasBody([bodies.add(other).slice(), reference], body)).toBe(true);
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
