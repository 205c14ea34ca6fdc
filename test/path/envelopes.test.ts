import { afterEach, describe, expect, it, vi } from 'vitest';
import { KeyedHash } from '../../src/tables/keyed-hash.ts';
import { Writer } from '../../src/wire/writer.ts';
import { decodeRequest } from '../support/otlp.ts';
import { attributeField, requestBytes, spanBytes, type Told } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const keepAll = { rules: { debug: true } };
afterEach(() => vi.restoreAllMocks());

/** Every span that left, as service / scope / name. */
const told = (story: Story): string[] =>
  story.requests.flatMap(({ body }) =>
    (decodeRequest(body).resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) => {
      const service = resource?.attributes?.find(({ key }) => key === 'service.name')?.value?.stringValue;
      return scopeSpans.flatMap(({ scope, spans = [] }) =>
        spans.map(({ name }) => `${service}/${scope?.name}/${name}`),
      );
    }),
  );

/** One ResourceSpans with a resource of `padding` bytes and one scope for each list of spans. */
function request(padding: number, scopes: readonly (readonly Told[])[]): Uint8Array {
  const w = new Writer(1024);
  const resourceSpans = w.open(1);
  const resource = w.open(1);
  attributeField(w, 1, 'service.name', 'shop');
  attributeField(w, 1, 'padding', 'x'.repeat(padding));
  w.close(resource);
  scopes.forEach((spans, i) => {
    const scopeSpans = w.open(2);
    const scope = w.open(1);
    w.string(1, `scope-${i}`);
    w.close(scope);
    for (const span of spans) w.bytes(2, spanBytes(span));
    w.close(scopeSpans);
  });
  w.close(resourceSpans);
  return w.finish();
}

describe('envelopes', () => {
  it('are never taken for those that lay at their place before', () => {
    // Each request takes the very bytes of the segment that the one before had; one batch holds the spans of all.
    const story = new Story({ ...keepAll, shards: 1, batch: { maxAgeMs: 60_000 }, buffer: { decisionWaitMs: 1 } });
    const names = ['aaaa', 'bbbb', 'cccc', 'dddd'];
    const { segments } = story.shards[0].shard.buffer;
    const reserve = vi.spyOn(segments, 'reserve');
    const places = new Set<string>();
    for (const name of names) {
      story.sendBytes(requestBytes({ trace: name, id: name, name, service: name, scope: name }));
      const segment = reserve.mock.results.at(-1)?.value as number;
      places.add(`${segment} ${segments.get(segment).used}`);
      story.after(100);
    }
    expect(places.size).toBe(1);
    story.drain();
    expect(story.requests).toHaveLength(1);
    expect(told(story).sort()).toEqual(names.map((name) => `${name}/${name}/${name}`));
  });

  it('are read and hashed once a turn, however many traces share one', () => {
    const hashed = vi.spyOn(KeyedHash.prototype, 'add');
    const story = new Story({ ...keepAll, batch: { maxAgeMs: 60_000 } });
    const spans = Array.from({ length: 2000 }, (_, i) => ({ trace: `t-${i}`, id: `s-${i}`, name: `n-${i}` }));
    const bytes = request(100_000, [spans]);
    story.sendBytes(bytes);
    story.after(10_000).drain();
    expect(told(story)).toHaveLength(2000);
    const hashedBytes = hashed.mock.calls.reduce((sum, [piece]) => sum + piece.length, 0);
    expect(hashedBytes).toBeLessThan(5 * story.shards.length * bytes.length);
  });

  it('by the thousand in one request are each found at once', () => {
    const story = new Story({ ...keepAll, batch: { maxAgeMs: 60_000, maxSpans: 100_000 }, ringWords: 1 << 17 });
    // Every trace has a span in every hundredth scope: each look-up of a group is one among all scopes.
    const scopes = Array.from({ length: 6_000 }, (_, i) => [
      { trace: `t-${i % 100}`, id: `a-${i}`, name: `n-${i}` },
      { trace: `t-${(i + 1) % 100}`, id: `b-${i}`, name: `m-${i}` },
    ]);
    story.sendBytes(request(10, scopes));
    story.after(10_000).drain();
    expect(told(story).sort()).toEqual(
      scopes.flatMap((spans, i) => spans.map(({ name }) => `shop/scope-${i}/${name}`)).sort(),
    );
  });

  it('with eighty thousand unknown fields beside the spans cost what their bytes cost', () => {
    const w = new Writer(1 << 20);
    const resourceSpans = w.open(1);
    for (let i = 0; i < 80_000; i++) w.raw(new Uint8Array([0xa0, 0x06, 1]));
    const scopeSpans = w.open(2);
    for (let i = 0; i < 100; i++) w.bytes(2, spanBytes({ trace: `t-${i}`, id: `s-${i}` }));
    w.close(scopeSpans);
    w.close(resourceSpans);
    const story = new Story({ ...keepAll, batch: { maxBytes: 8 << 20, maxAgeMs: 60_000 } });
    const bytes = w.finish();
    story.sendBytes(bytes);
    story.after(10_000).drain();
    expect(story.left()).toHaveLength(100);
    const [{ body }] = story.requests;
    expect(Buffer.from(body).includes(Buffer.alloc(240_000, Buffer.from([0xa0, 0x06, 1])))).toBe(true);
  });
});
