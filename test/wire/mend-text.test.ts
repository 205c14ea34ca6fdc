import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastTraceStateAt, mendText, scopeTexts, spanTexts, withMendedText } from '../../src/wire/mend-text.ts';
import { Writer } from '../../src/wire/writer.ts';
import { decodeRequest } from '../support/otlp.ts';
import { Story } from '../support/story.ts';

const cut = Uint8Array.from([0x61, 0xe2, 0x82]);
const mendedText = 'a\ufffd';

/** A request in which every text ends in a character that was cut. */
function cutTexts(): Uint8Array {
  const w = new Writer();
  const message = (field: number, write: () => void): void => {
    const mark = w.open(field);
    write();
    w.close(mark);
  };
  const attribute = (field: number): void =>
    message(field, () => {
      w.bytes(1, cut);
      message(2, () => message(5, () => message(1, () => w.bytes(1, cut))));
    });
  message(1, () => {
    message(1, () => attribute(1));
    message(2, () => {
      message(1, () => {
        w.bytes(1, cut);
        w.bytes(2, cut);
        attribute(3);
      });
      message(2, () => {
        w.bytes(1, new Uint8Array(16).fill(0xc3));
        w.bytes(2, new Uint8Array(8).fill(0xc3));
        w.bytes(5, cut);
        attribute(9);
        message(11, () => {
          w.bytes(2, cut);
          attribute(3);
        });
        message(13, () => {
          w.bytes(1, new Uint8Array(16).fill(0xff));
          w.bytes(2, new Uint8Array(8).fill(0xff));
          w.bytes(3, cut);
          attribute(4);
        });
        message(15, () => w.bytes(2, cut));
      });
      w.bytes(3, cut);
    });
    w.bytes(3, cut);
  });
  return w.finish();
}

const nested = { key: mendedText, value: { arrayValue: { values: [{ stringValue: mendedText }] } } };

describe('text that is no UTF-8', () => {
  it('leaves with U+FFFD in its place, wherever it stands, and ids and bytes as they came', () => {
    const story = new Story({ rules: { debug: true }, shards: 1 });
    // What is mended is no longer itself.
    story.inside.take = () => true;
    expect(story.sendBytes(cutTexts())).toMatchObject({ spans: 1, rejectedSpans: 0 });
    story.drain();
    const [{ resource, schemaUrl, scopeSpans = [] }] = decodeRequest(story.requests[0].body).resourceSpans ?? [];
    expect({ resource, schemaUrl }).toEqual({ resource: { attributes: [nested] }, schemaUrl: mendedText });
    const [{ scope, spans = [], schemaUrl: scopeSchemaUrl }] = scopeSpans;
    expect([scope, scopeSchemaUrl]).toEqual([
      { name: mendedText, version: mendedText, attributes: [nested] },
      mendedText,
    ]);
    const [span] = spans as unknown as Record<string, unknown>[];
    expect(span).toMatchObject({
      traceId: 'c3'.repeat(16),
      name: mendedText,
      events: [{ name: mendedText, attributes: [nested] }],
      links: [{ traceState: mendedText, attributes: [nested] }],
      status: { message: mendedText },
    });
    expect((span.attributes as unknown[])[0]).toEqual(nested);
    expect(story.enricher.stats.mendedSpans).toBe(1);
  });

  it.each([
    ['short', 'größe'],
    ['of a hundred characters, in a segment that threads share', '買う'.repeat(50)],
  ])('is told from text that is: %s', (_, text) => {
    const w = new Writer();
    w.bytes(1, new Uint8Array(16).fill(0xff));
    w.string(5, text);
    const segment = new Uint8Array(new SharedArrayBuffer(1024));
    segment.set(w.view(), 100);
    expect(mendText(segment, 100, 100 + w.pos, spanTexts)).toBeUndefined();
    // The last byte of the last character is not its own any more.
    segment[100 + w.pos - 1] = 0xff;
    expect(mendText(segment, 100, 100 + w.pos, spanTexts)).toBeDefined();
  });

  it('is found wherever a decoder of others finds it, and nowhere else', () => {
    // Bytes that make characters of every length, or break them.
    const byte = fc.constantFrom(
      0x61,
      0x0a,
      0x12,
      0xc3,
      0xb6,
      0xe0,
      0xa0,
      0x9f,
      0xe2,
      0x82,
      0xac,
      0xed,
      0xf0,
      0xf4,
      0x8f,
      0xc0,
      0xff,
    );
    const text = fc.oneof(
      fc.array(byte, { maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 150 }).map((characters) => Buffer.from(characters)),
    );
    const value = fc.oneof(text, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double());
    const isText = (bytes: Buffer): boolean => {
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) !== undefined;
      } catch {
        return false;
      }
    };
    // At any address, up to the last byte of the memory.
    const place = fc.tuple(fc.nat(4), fc.nat(4));
    const seen = new Set<boolean>();
    fc.assert(
      fc.property(
        text,
        fc.array(fc.tuple(text, value), { maxLength: 4 }),
        fc.boolean(),
        place,
        (name, attributes, odd, [before, behind]) => {
          const w = new Writer();
          w.bytes(1, new Uint8Array(16).fill(0xff));
          w.bytes(5, name);
          for (const [key, any] of attributes) {
            const attribute = w.open(9);
            w.bytes(1, key);
            const inner = w.open(2);
            if (Buffer.isBuffer(any)) w.bytes(1, any);
            else if (typeof any === 'bigint') {
              w.tag(3, 0);
              w.int64(any);
            } else {
              w.tag(4, 1);
              w.double(any);
            }
            w.close(inner);
            // An unknown field makes it an unusual one.
            if (odd) w.bytes(200, Uint8Array.of(0xff));
            w.close(attribute);
          }
          const all = [name, ...attributes.flatMap(([key, any]) => (Buffer.isBuffer(any) ? [key, any] : [key]))];
          const sound = all.every(isText);
          seen.add(sound);
          const memory = new Uint8Array(before + w.pos + behind).fill(0xff);
          memory.set(w.view(), before);
          expect(mendText(memory, before, before + w.pos, spanTexts) === undefined).toBe(sound);
          expect(mendText(memory.subarray(before), 0, w.pos, spanTexts) === undefined).toBe(sound);
        },
      ),
      { numRuns: 3_000 },
    );
    expect(seen.size).toBe(2);
  });

  it('is mended one after the other, short and long', () => {
    const named = (text: Buffer) => {
      const w = new Writer();
      w.bytes(5, text);
      return w.finish();
    };
    for (const length of [40, 2, 20_000, 3]) {
      const broken = named(Buffer.concat([Buffer.alloc(length, 'x'), cut]));
      const mended = named(Buffer.from(`${'x'.repeat(length)}${mendedText}`));
      expect(Buffer.compare(mendText(broken, 0, broken.length, spanTexts)?.view() ?? broken, mended)).toBe(0);
    }
  });

  it('of a scope stays mended when the next one is', () => {
    const scope = (version: string) => {
      const w = new Writer();
      w.bytes(1, cut);
      w.string(2, version);
      return withMendedText(w.finish(), scopeTexts);
    };
    const first = scope('1.0');
    scope('2.0');
    expect(Buffer.from(first).toString()).toBe(`\n\x04${mendedText}\x12\x031.0`);
  });

  it.each([
    ['none', [], -1],
    ['one', ['a=1'], 2],
    ['of several the last', ['a=1', 'b=2'], 7],
    ['none where the last one is empty', ['a=1', ''], -1],
  ])('tells of a span’s tracestate where it is: %s', (_, states, at) => {
    const w = new Writer();
    w.bytes(5, new Uint8Array(0));
    for (const state of states) w.string(3, state);
    const link = w.open(13);
    w.string(3, 'of=a-link');
    w.close(link);
    expect(mendText(w.buf, 0, w.pos, spanTexts)).toBeUndefined();
    expect(lastTraceStateAt).toBe(at);
    // A name that is mended is longer than it was.
    const mended = new Writer();
    mended.bytes(5, Uint8Array.of(0xff));
    mended.raw(w.view().subarray(2));
    expect(mendText(mended.buf, 0, mended.pos, spanTexts)).toBeDefined();
    expect(lastTraceStateAt).toBe(at < 0 ? -1 : at + 3);
  });
});
