import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';
import { idsInBrokenText, idsOf } from '../support/identity.ts';
import { decodeAnyText, decodeRequest, ExportRequestType, SpanType } from '../support/otlp.ts';
import { idOf, requestBytes, spanBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const keepAll = { rules: { debug: true } };
const stamp = new Uint8Array([0x1a, 7, ...Buffer.from('ot=th:0')]);

/** Where `inner` lies in `outer`, or -1. */
const indexIn = (outer: Uint8Array, inner: Uint8Array): number => Buffer.from(outer).indexOf(Buffer.from(inner));

describe('what leaves is what came', () => {
  it('byte for byte but for the weight, in every span that is not the marked one', () => {
    const unknown = new Uint8Array([0xa2, 0x06, 3, 1, 2, 3, 0xb8, 0x06, 0x2a]);
    const told = {
      trace: 'a',
      id: 'child',
      parent: 'r',
      name: 'größe 測試 🚀',
      status: 'ERROR' as const,
      attributes: { 'http.route': '/login', n: 42, f: 0.5, b: true },
      unknown,
    };
    const story = new Story();
    story.send({ trace: 'a', id: 'r' }, told);
    story.after(10_000);
    const expected = new Uint8Array([...spanBytes(told), ...stamp]);
    expect(indexIn(story.requests[0].body, expected)).toBeGreaterThan(0);
  });

  it('whatever the order and form of the fields: a resource behind its spans, a trace id last, padded varints', () => {
    const span = new Writer();
    span.bytes(15, new Uint8Array([0x18, 0x82, 0x80, 0x00]));
    span.bytes(2, idOf('s', 8));
    span.bytes(1, idOf('a', 16));
    const w = new Writer();
    const rs = w.open(1);
    const ss = w.open(2);
    w.bytes(2, span.finish());
    w.close(ss);
    w.string(3, 'schema');
    w.raw(new Uint8Array([0x0a, 0x09, 0x0a, 0x07, 0x0a, 0x01, 0x6b, 0x12, 0x02, 0x18, 0x05]));
    w.close(rs);
    const story = new Story();
    expect(story.sendBytes(w.finish())).toMatchObject({ spans: 1, rejectedSpans: 0 });
    story.after(10_000);
    const [left] = decodeRequest(story.requests[0].body).resourceSpans ?? [];
    expect(left.resource?.attributes).toEqual([{ key: 'k', value: { intValue: '5' } }]);
    expect(left.schemaUrl).toBe('schema');
    expect(story.explain('a')).toMatchObject({ policy: 'errors' });
  });

  it('case 47: keeps unknown fields of resource, scope, their wrappers and spans', () => {
    const extra = new Uint8Array([0xfa, 0x07, 2, 0xca, 0xfe]);
    const w = new Writer();
    const rs = w.open(1);
    w.bytes(1, extra);
    const ss = w.open(2);
    w.bytes(1, extra);
    w.bytes(2, new Uint8Array([...spanBytes({ trace: 'a' }), ...extra]));
    w.raw(extra);
    w.close(ss);
    w.raw(extra);
    w.close(rs);
    const story = new Story(keepAll);
    story.sendBytes(w.finish());
    story.after(10_000);
    const left = Buffer.from(story.requests[0].body);
    let seen = 0;
    for (let at = left.indexOf(Buffer.from(extra)); at >= 0; at = left.indexOf(Buffer.from(extra), at + 1)) seen++;
    expect(seen).toBe(5);
  });

  it('case 47: decides each trace of a mixed request alone and keeps their resources apart', () => {
    const story = new Story({ rules: { error_status_codes: ['ERROR'] } });
    story.send(
      { trace: 'a', service: 'x', status: 'ERROR' },
      { trace: 'b', service: 'x' },
      { trace: 'c', service: 'y', status: 'ERROR' },
      { trace: 'a', service: 'y' },
    );
    story.after(10_000);
    // Each shard sends its own requests.
    const left = story.requests.flatMap(({ body }) => decodeRequest(body).resourceSpans ?? []);
    const spansOf = (service: string): number =>
      left
        .filter(({ resource }) => resource?.attributes?.[0].value?.stringValue === service)
        .reduce((sum, { scopeSpans }) => sum + (scopeSpans?.[0].spans?.length ?? 0), 0);
    expect([spansOf('x'), spansOf('y')]).toEqual([1, 2]);
  });

  it('for any spans at all: decoded by an independent implementation, only the stated differences remain', () => {
    const attribute = fc.record({ key: fc.string({ maxLength: 12 }), value: fc.record({ stringValue: fc.string() }) });
    const span = fc.record({
      traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((id) => id.some((byte) => byte !== 0)),
      spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }).filter((id) => id.some((byte) => byte !== 0)),
      parentSpanId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      name: fc.string(),
      kind: fc.integer({ min: 0, max: 5 }),
      startTimeUnixNano: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String),
      endTimeUnixNano: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String),
      attributes: fc.array(attribute, { maxLength: 5 }),
      events: fc.array(fc.record({ name: fc.string(), attributes: fc.array(attribute, { maxLength: 2 }) }), {
        maxLength: 2,
      }),
      links: fc.array(fc.record({ traceState: fc.string(), flags: fc.nat() }), { maxLength: 2 }),
      flags: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 6 }), (spans) => {
        const story = new Story(keepAll);
        const message = ExportRequestType.fromObject({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
        story.sendBytes(ExportRequestType.encode(message).finish());
        story.after(10_000);
        const bare = (all: Record<string, unknown>[]): string[] =>
          all
            .map((one) => ({ ...one, traceState: undefined, attributes: withoutMarks(one) }))
            .map((one) => JSON.stringify(one))
            .sort();
        const expected = spans.map((one) =>
          SpanType.toObject(SpanType.fromObject(one), { longs: String, bytes: String }),
        );
        const left = story.requests.flatMap((request) =>
          (
            ExportRequestType.toObject(ExportRequestType.decode(request.body), { longs: String, bytes: String })
              .resourceSpans ?? []
          )
            .flatMap((r: { scopeSpans: { spans: Record<string, unknown>[] }[] }) => r.scopeSpans)
            .flatMap((s: { spans: Record<string, unknown>[] }) => s.spans),
        );
        const roundTripped = expected.map((one) =>
          SpanType.toObject(SpanType.decode(SpanType.encode(SpanType.fromObject(one)).finish()), {
            longs: String,
            bytes: String,
          }),
        );
        expect(bare(left)).toEqual(bare(roundTripped));
      }),
      { numRuns: 150 },
    );
  });
});

function withoutMarks(span: Record<string, unknown>): unknown {
  const left = ((span.attributes ?? []) as { key?: string }[]).filter(({ key }) => !key?.startsWith('tailgate.'));
  return left.length === 0 ? undefined : left;
}

describe('what cannot be taken', () => {
  it('rejects spans with invalid ids, counts them, takes the others', () => {
    const story = new Story(keepAll);
    const answer = story.send(
      { trace: 'a' },
      { trace: '0'.repeat(32) },
      { trace: 'b', id: '0'.repeat(16) },
      { trace: 'b' },
    );
    expect(answer).toMatchObject({ spans: 4, rejectedSpans: 2, message: expect.stringContaining('2 spans') });
    expect(story.after(10_000).left()).toHaveLength(2);
    expect(story.spans('invalid')).toBe(2);
  });

  it.each([0, 1, 15, 17])('rejects a trace id of %d bytes', (length) => {
    const w = new Writer();
    const rs = w.open(1);
    const ss = w.open(2);
    const span = w.open(2);
    w.bytes(1, new Uint8Array(length).fill(7));
    w.bytes(2, idOf('s', 8));
    w.close(span);
    w.close(ss);
    w.close(rs);
    expect(new Story().sendBytes(w.finish())).toMatchObject({ spans: 1, rejectedSpans: 1 });
  });

  it('takes an empty request', () => {
    expect(new Story().sendBytes(new Uint8Array(0))).toEqual({ spans: 0, rejectedSpans: 0, message: '' });
  });

  it('refuses every truncation of a request, whole, and none of it waits', () => {
    const bytes = requestBytes(
      { trace: 'a', attributes: { 'http.route': '/login', n: 1, f: 1.5 }, status: 'ERROR', traceState: 'a=b' },
      { trace: 'b', service: 'y' },
    );
    const story = new Story();
    for (let length = 1; length < bytes.length; length++) {
      const answer = story.sendBytes(bytes.slice(0, length));
      // The first of two ResourceSpans is a request by itself.
      if ('reason' in answer) expect(answer.reason).toBe('malformed');
      else expect(answer.spans).toBe(1);
    }
    expect(story.received).toBeLessThanOrEqual(1);
  });

  it.each([
    ['any byte', 255],
    ['ASCII', 127],
  ])('never crashes, hangs or loses count on bytes flipped at random, to %s', (_, largest) => {
    const bytesOf = (run: number) =>
      requestBytes(
        ...Array.from({ length: 4 }, (_, i) => ({
          ...{ trace: `t${i}`, id: `${run} ${i}` },
          attributes: { 'url.path': '/login', k: i },
        })),
      );
    const story = new Story(keepAll);
    // What is no UTF-8 any more is mended, and then no longer itself: any span where the flip may be in its envelope,
    // else so many, and those whose envelope was mended.
    const isItself = story.inside.take.bind(story.inside);
    const inMended = new Set<string>();
    let others = 0;
    story.inside.take = (identity) =>
      isItself(identity) ||
      largest > 127 ||
      inMended.has(idsOf(identity)) ||
      ++others <= story.enricher.stats.mendedSpans;
    let refused = 0;
    let run = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytesOf(0).length - 1), fc.nat(largest)), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const broken = bytesOf(run++);
          for (const [at, value] of flips) broken[at] = value;
          for (const ids of idsInBrokenText(broken)) inMended.add(ids);
          if ('reason' in story.sendBytes(broken)) refused++;
          story.after(2_500);
        },
      ),
      { numRuns: 750 },
    );
    expect(refused).toBeGreaterThan(50);
    story.after(20_000);
    for (const request of story.requests) expect(() => decodeAnyText(request.body)).not.toThrow();
  });
});
