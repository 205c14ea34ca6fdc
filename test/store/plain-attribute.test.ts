import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttributeTerms, type TagPlace, type TagSink } from '../../src/store/attribute-terms.ts';
import { Cutter } from '../../src/store/cut.ts';
import { plainTerm } from '../../src/store/plain-attribute.ts';
import { TermSet } from '../../src/store/term-set.ts';
import { keySeeds, mostUsualBytes, termOf, viewOf } from '../../src/store/terms.ts';
import { MalformedError, Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { captureNames, capturesMissing, readMessages } from '../support/captures.ts';
import { mutate, seeded } from '../support/mutate.ts';
import { attributeField, requestBytes } from '../support/spans.ts';
import { digestBefore } from './digest-before.ts';

/** A field that nobody knows, so long that no message with it in front is plain; it means nothing. */
const padding = (() => {
  const w = new Writer();
  w.bytes(99, new Uint8Array(mostUsualBytes));
  return w.finish();
})();

const bytesOf = ({ buf, pos, end }: Reader): string => Buffer.from(buf.subarray(pos, end)).toString('hex');

/** Knows some terms and not others, and remembers what it was told. */
class Told implements TagSink {
  readonly lines: string[] = [];
  knows = (term: number): boolean => (term & 3) === 0;
  note = (place: TagPlace, term: number, value: Reader): void => this.#line('note', term, place, value);
  noteText = (field: { readonly key: string }, term: number, value: Reader): void =>
    void this.lines.push(`text ${field.key} ${term} ${bytesOf(value)}`);
  noteKey = (place: TagPlace): void => this.#line('key', 0, place);

  #line(what: string, term: number, { scope, keyHash, key }: TagPlace, value?: Reader): void {
    this.lines.push(`${what} ${term} ${scope} ${keyHash} ${bytesOf(key)} ${value ? bytesOf(value) : ''}`);
  }
}

function orMalformed<T>(read: () => T): T | 'malformed' {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) return 'malformed';
    throw error;
  }
}

/** What comes of KeyValues, one after the other as a span's attributes. */
function read(keyValues: readonly Uint8Array[]) {
  const w = new Writer();
  for (const bytes of keyValues) w.bytes(9, bytes);
  const told = new Told();
  const terms = new TermSet();
  const span = new Reader(w.finish());
  return orMalformed(() => {
    for (const attributes = new AttributeTerms(told); span.next(); ) attributes.read(span, 'span', terms);
    return { terms: [...terms.values()], told: told.lines };
  });
}

const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.string({ minLength: 80, maxLength: 300 }));
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.boolean(),
  fc.integer({ min: 0, max: 600 }),
  fc.maxSafeInteger(),
  fc.double().filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
  fc.constantFrom(0, -0, -1, 2 ** 21, 2 ** 48, 2 ** 49 - 1, 2 ** 49, 2 ** 53, 0.5, -1e-300),
);

function keyValue(key: string, value: string | number | boolean): Uint8Array {
  const w = new Writer();
  attributeField(w, 9, key, value);
  const field = new Reader(w.finish());
  field.next();
  return field.bytes();
}

/** With an AnyValue of these bytes. */
function rawValue(key: string, value: Uint8Array): Uint8Array {
  const w = new Writer();
  w.string(1, key);
  w.bytes(2, value);
  return w.finish();
}

/** Integers of up to 64 bits, and eight bytes as a double: zeros with a sign, and what is no number in its forms. */
const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => {
    const w = new Writer();
    w.tag(3, 0);
    w.int64(n);
    return w.finish();
  }),
  fc
    .tuple(
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.constantFrom([0, 0x80], [0xf0, 0x7f], [0xf0, 0xff], [0xf8, 0x7f], [0xe0, 0x3f]),
      fc.boolean(),
    )
    .map(([low, high, isZero]) => Uint8Array.of(0x21, ...(isZero ? low.fill(0) : low), ...high)),
);

/** Bytes as they are written and as they are not: some changed, some missing, some twice. */
const bytes = fc
  .tuple(
    fc.oneof(
      fc.tuple(text, scalar).map(([key, value]) => keyValue(key, value)),
      fc.tuple(text, number).map(([key, value]) => rawValue(key, value)),
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
    fc.integer({ min: -3, max: 12 }),
  )
  .map(([written, changes, cut]) => {
    const all = Buffer.from(written);
    for (const [at, byte] of changes) all[at % all.length] = byte;
    if (cut > 3) return all;
    return cut < 0 ? all.subarray(0, cut) : Buffer.concat([all, all.subarray(0, cut * 2)]);
  });

describe('an attribute of the usual shape', () => {
  it('comes to the term that a query looks for', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), scalar, fc.constantFrom('span', 'resource'), (key, value, scope) => {
        const written = keyValue(key, value);
        const term = plainTerm(viewOf(written), 0, written.length, keySeeds[scope]);
        const isPlain = typeof value !== 'number' || (Number.isInteger(value) && value >= 0 && value < 2 ** 49);
        if (isPlain && written.length <= mostUsualBytes) expect(term).not.toBe(0);
        if (term !== 0) expect(term).toBe(termOf(scope as 'span' | 'resource', key, value) | 0);
      }),
      { numRuns: 3000 },
    );
  });

  it('comes to what it comes to in any other, and what is malformed is so in both', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 6 }), (keyValues) => {
        const padded = keyValues.map((each) => Buffer.concat([padding, each]));
        expect(read(keyValues)).toEqual(read(padded));
      }),
      { numRuns: 5000 },
    );
  });

  it('may stand among others, and before what breaks off', () => {
    const plain = keyValue('http.route', '/a');
    const list = Buffer.from('0a016c12062a040a020a00', 'hex');
    const both = read([plain, list, plain, keyValue('n', 3)]);
    expect(both).toMatchObject({ terms: { length: 3 } });
    const broken = Buffer.concat([Buffer.of(0x4a, plain.length), plain, Buffer.of(0x4a)]);
    const span = new Reader(broken);
    span.next();
    expect(orMalformed(() => new AttributeTerms(new Told()).read(span, 'span'))).toBe('malformed');
  });
});

it('a list of many elements does not have its key read with each', () => {
  const w = new Writer();
  w.bytes(1, Buffer.alloc(1 << 20, 'k'));
  const value = w.open(2);
  const list = w.open(5);
  for (let i = 0; i < 20_000; i++) w.bytes(1, Buffer.from(`0a05${i.toString(16).padStart(10, '0')}`, 'hex'));
  w.close(list);
  w.close(value);
  const outer = new Writer();
  outer.bytes(9, w.finish());
  const span = new Reader(outer.finish());
  span.next();
  const terms = new TermSet();
  const knowing = { knows: () => true, note: () => {}, noteText: () => {}, noteKey: () => {} };
  const before = process.cpuUsage();
  new AttributeTerms(knowing).read(span, 'span', terms);
  expect(terms.size).toBe(20_000);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(2000);
});

/** The same request with the padding in front of every KeyValue; field numbers say where those are. */
type Path = { readonly [field: number]: Path | 'keyValue' };
const scopeSpans: Path = { 1: { 3: 'keyValue' }, 2: { 9: 'keyValue', 11: { 3: 'keyValue' }, 13: { 4: 'keyValue' } } };
const request: Path = { 1: { 1: { 1: 'keyValue' }, 2: scopeSpans } };

function padded(r: Reader, path: Path, w = new Writer()): Writer {
  for (let start = r.pos; r.next(); start = r.pos) {
    const inner = r.wireType === 2 ? path[r.field] : undefined;
    if (inner === undefined) {
      r.skip();
      w.raw(r.buf, start, r.pos);
    } else if (inner === 'keyValue') w.bytes(r.field, Buffer.concat([padding, r.bytes()]));
    else w.bytes(r.field, padded(r.message(), inner).finish());
  }
  return w;
}

function cut(bytes: Uint8Array) {
  const told = new Told();
  return orMalformed(() => {
    const parts = Array.from(new Cutter(told).cut(bytes), ({ traceId, digest, startMs, endMs }) => ({
      traceId: Buffer.from(traceId).toString('hex'),
      digest: Buffer.from(digest).toString('hex'),
      startMs,
      endMs,
    }));
    return { parts, told: told.lines };
  });
}

it('a length of two bytes is not taken for one, though what follows looks like an attribute', () => {
  // 1296 is written 90 0a: read as one byte, it leaves a key of ten bytes, and a text of 128 at the very end of 144.
  const key = Buffer.alloc(150, 'k');
  key.set([0x12, 130, 0x0a, 128], 8);
  const w = new Writer();
  w.bytes(1, key);
  w.bytes(2, Buffer.concat([Buffer.from('0af108', 'hex'), Buffer.alloc(1296 - 153 - 6, 'v')]));
  const all = w.finish();
  expect(all.length).toBe(1296);
  expect(plainTerm(viewOf(Buffer.concat([Buffer.of(0x0a), all])), 0, 144, keySeeds.span)).not.toBe(0);
  expect(read([all])).toMatchObject({ terms: { length: 1 } });
  expect(read([all])).toEqual(read([Buffer.concat([padding, all])]));
});

describe('a request', () => {
  const seeds = [
    requestBytes(
      { trace: 'a', id: '1', attributes: { method: 'GET', status: 200, ratio: 0.5, ok: true, empty: '' } },
      { trace: 'a', id: '2', parent: '1', attributes: { zero: -0, below: -1, large: 2 ** 52, long: 'x'.repeat(200) } },
      { trace: 'b', id: '3', resource: { pod: 'p', count: 3 }, status: 'ERROR', more: { pod: 'q' }, service: 'other' },
    ),
  ];
  if (capturesMissing === '') for (const name of captureNames) seeds.push(...readMessages(name).slice(0, 3));

  it('comes to the same digests and tags, whatever the shape of its attributes', () => {
    const chance = seeded(1);
    let read = 0;
    for (let n = 0; n < 600; n++) {
      const seed = seeds[n % seeds.length];
      const bytes = n < seeds.length ? seed : mutate(seed, chance).bytes;
      const other = orMalformed(() => padded(new Reader(bytes), request).finish());
      const found = cut(bytes);
      if (other === 'malformed') expect(found).toBe('malformed');
      else expect(found).toEqual(cut(other));
      if (found !== 'malformed') read++;
    }
    expect(read).toBeGreaterThan(200);
  });

  it('comes to the same digests as ever: a query finds by the same terms what was stored years ago', () => {
    const found = cut(seeds[0]);
    expect(found === 'malformed' || found.parts.map(({ digest }) => digest)).toEqual(digestsNow);
    const before = Array.from(new Cutter(new Told()).cut(seeds[0]), (part) => hex(digestBefore(part)));
    expect(before).toEqual(firstDigests);
  });
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Of the seed's two traces. */
const digestsNow = [
  '00000000000000000000000000842e4105000000000000000000000000000000006c691420d5805065ab300275d0808041e10474',
  '00000000010000000000000000842e4103000000000000000000000000000000862109a28084124229883208',
];
/** The same as the first versions wrote them, whose terms were FNV-1a. */
const firstDigests = [
  '05000000000000000000000000842e410253686882222012811f11e8832d0c2514744b70',
  '02000000010000000000000000842e418151e38f10624ca3',
];
