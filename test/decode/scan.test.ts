import { describe, expect, it } from 'vitest';
import { ConditionsBuilder } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import { rootBit } from '../../src/model/conditions.ts';
import { Slice, sliceWords } from '../../src/model/slice.ts';
import { MalformedError } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { random } from '../support/random.ts';
import { idOf, requestBytes, spanBytes } from '../support/spans.ts';
import { compiled, seedRules } from '../support/story.ts';

const { conditions } = compiled(seedRules);

/** Bytes as they lie in a segment: other data before and behind. */
function scanned(bytes: Uint8Array, maxEnvelopeBytes?: number): RequestScan {
  const segment = new Uint8Array(bytes.length + 200).fill(0xff);
  segment.set(bytes, 100);
  const scan = new RequestScan(maxEnvelopeBytes);
  scan.run(segment, 100, 100 + bytes.length, conditions);
  return scan;
}

function nested(...path: (readonly [field: number, body: Uint8Array | readonly number[]])[]): Uint8Array {
  let inner: Uint8Array = Uint8Array.from(path.at(-1)![1]);
  for (const [field] of [...path].reverse()) {
    const w = new Writer();
    w.bytes(field, inner);
    inner = w.finish();
  }
  return inner;
}
const withFields = (bytes: readonly number[] | Uint8Array): Uint8Array =>
  Uint8Array.from([...spanBytes({ trace: 'a' }), ...bytes]);
const inSpan = (bytes: readonly number[] | Uint8Array): Uint8Array => nested([1, []], [2, []], [2, withFields(bytes)]);
const attribute = (body: readonly number[]): Uint8Array => nested([9, body]);

/** A span of an honest length that ends in the middle of a field. */
const longBroken = [...nested([2, [...nested([5, new Array(160).fill(0x61)]), 0x08]])];

/** A field of a span: its number, and the message or text in it. */
type Field = readonly [number: number, body: readonly number[]];
const field = (number: number, body: Iterable<number>): Field => [number, [...body]];
const tagOf = (number: number): number[] =>
  number < 16 ? [(number << 3) | 2] : [0x80 | ((number << 3) & 0x7f) | 2, 1];
const written = ([number, body]: Field): number[] => [...tagOf(number), body.length, ...body];
const padded = ([number, body]: Field): number[] => [...tagOf(number), 0x80 | body.length, 0x80, 0x00, ...body];
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const withValue = (key: string, value: readonly number[]): Field =>
  field(9, [...written(field(1, text(key))), ...written(field(2, value))]);
const attributeOf = (key: string, value: string): Field => withValue(key, written(field(1, text(value))));

/** Ids, attributes that the seed rules ask for or not, and status codes; some twice, in any order. */
function someFields(next: () => number): Field[] {
  const choose = <T>(...all: T[]): T => all[Math.floor(next() * all.length)];
  const some = (): Field =>
    choose<() => Field>(
      () =>
        attributeOf(
          choose('http.route', 'url.path', 'http.rouge', 'k'),
          choose('/login', '/upload', '/lo', '/', '', '/x'),
        ),
      () =>
        withValue(choose('http.route', 'n'), choose([0x18, 0x85, 0x01], [0x10, 1], [0x21, 0, 0, 0, 0, 0, 0, 0, 1], [])),
      () => field(15, choose([], [0x18, 2], [0x18, 1], [0x12, 1, 0x61, 0x18, 2])),
      () => field(4, choose(idOf('p', 8), new Uint8Array(8), new Uint8Array(0))),
      () => field(5, text(choose('', 'GET /', 'a name'))),
      () => field(2, idOf('t', choose(8, 8, 8, 7))),
    )();
  const all = [field(1, idOf('a', 16)), field(2, idOf('s', 8)), ...Array.from({ length: choose(1, 5, 40) }, some)];
  return all.sort(() => next() - 0.5);
}

/** What the scan says of one span: how many it took, why not, and the row but for where it lies. */
function found(span: readonly number[]): { count: number; invalid: number; reason: string; row: number[] } {
  const { count, invalid, reason, slices } = scanned(nested([1, []], [2, []], [2, span]));
  return { count, invalid, reason, row: count === 0 ? [] : [...slices.subarray(Slice.traceIdA, sliceWords)] };
}

describe('the scan', () => {
  it('notes where each slice lies, its id, and its envelope', () => {
    const bytes = requestBytes(
      { trace: 'a', id: 'r' },
      { trace: 'b', parent: 'r' },
      { trace: 'a', service: 'y', status: 'ERROR' },
    );
    const { count, slices } = scanned(bytes);
    expect(count).toBe(3);
    const row = (i: number, column: number): number => slices[i * sliceWords + column];
    const id = new DataView(idOf('b', 16).buffer);
    expect([0, 4, 8, 12].map((at) => id.getInt32(at))).toEqual([4, 5, 6, 7].map((column) => row(1, column)));
    expect(row(0, Slice.resourceSpans)).toBe(row(1, Slice.resourceSpans));
    expect(row(2, Slice.resourceSpans)).toBeGreaterThan(row(1, Slice.start));
    expect([0, 1, 2].map((i) => row(i, Slice.bits) < 0)).toEqual([true, false, true]);
    expect(row(0, Slice.bits) & rootBit).toBe(rootBit);
  });

  it('tells named keys from others that look like them', () => {
    const keys = [
      '',
      'k',
      'http.route',
      'http.rouge',
      'ahttp.route',
      'l'.repeat(127),
      'l'.repeat(128),
      'l'.repeat(300),
    ];
    const builder = new ConditionsBuilder();
    const bits = keys.map((key) => {
      const [bit] = builder.bitsOf({ op: 'attribute', of: 'span', key, is: { is: 'present' } });
      return 1 << (bit as number);
    });
    const named = builder.build();
    const others = ['j', 'url.scheme', 'http.roube', 'l'.repeat(126), `${'l'.repeat(127)}m`];
    const bitsOf = (key: string): number => {
      const bytes = requestBytes({ trace: 'a', attributes: { [key]: 'v' } });
      const buf = new Uint8Array(bytes.length + 64);
      buf.set(bytes);
      const scan = new RequestScan();
      scan.run(buf, 0, bytes.length, named);
      return scan.slices[Slice.bits] & ~rootBit;
    };
    expect(keys.map(bitsOf)).toEqual(bits);
    expect(others.map(bitsOf)).toEqual(others.map(() => 0));
  });

  it('finds the same in a span however its fields are written', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const fields = someFields(random(seed));
      const shortly = found(fields.flatMap(written));
      // Padded lengths are legal and go another way through the scan; so does what stands behind an unknown field.
      expect(found(fields.flatMap(padded)), `seed ${seed}`).toEqual(shortly);
      expect(found(fields.flatMap((field) => [0xa0, 0x06, 0x01, ...written(field)])), `seed ${seed}`).toEqual(shortly);
    }
  });

  it('says the same of a span, however much of it has come, whether or not its buffer ends with it', () => {
    const all = someFields(random(7));
    const span = [...all.flatMap(written), ...written(field(3, text('ot=rv:0123456789abcd')))];
    const ids = [field(1, idOf('a', 16)), field(2, idOf('s', 8))].flatMap(written);
    const cut = [...span.keys()].map((bytes) => [...ids, ...span.slice(0, bytes)]);
    // Of every field the tag alone.
    const tags = Array.from({ length: 0x7f }, (_, i) => [...ids, i + 1]);
    for (const each of [...cut, ...tags]) {
      const request = nested([1, []], [2, []], [2, each]);
      const scan = new RequestScan();
      scan.run(request, 0, request.length, conditions);
      const among = found(each);
      expect({ count: scan.count, invalid: scan.invalid }).toEqual({ count: among.count, invalid: among.invalid });
    }
    for (const each of tags) expect(found(each), `tag ${each.at(-1)}`).toMatchObject({ count: 0, invalid: 1 });
  });

  it('reads a text whose padded length would be that of all its value, read as one byte', () => {
    const builder = new ConditionsBuilder();
    const [bit] = builder.bitsOf({ op: 'attribute', of: 'span', key: 'k', is: { is: 'string', values: ['abc'] } });
    const asked = builder.build();
    const isFound = (value: readonly number[]): boolean => {
      const scan = new RequestScan();
      const attribute = nested([9, [...written(field(1, text('k'))), ...nested([2, value])]]);
      const request = inSpan(attribute);
      scan.run(request, 0, request.length, asked);
      return (scan.slices[Slice.bits] & (1 << (bit as number))) !== 0;
    };
    const unknown = nested([100, new Array(124).fill(0x2f)]);
    expect(isFound(written(field(1, text('abc'))))).toBe(true);
    expect(isFound([0x0a, 0x83, 0x00, ...text('abc'), ...unknown])).toBe(true);
    expect(isFound([0x0a, 0x83, 0x00, ...text('abd'), ...unknown])).toBe(false);
  });

  it('takes unknown fields and values nested ninety deep', () => {
    let value: Uint8Array = Uint8Array.from([0x18, 1]);
    for (let i = 0; i < 45; i++) value = nested([5, []], [1, value]);
    const w = new Writer();
    w.string(1, 'deep');
    w.bytes(2, value);
    expect(scanned(inSpan(attribute([...w.finish()]))).count).toBe(1);
    expect(scanned(inSpan([0xa0, 0x06, 0x01, 0xa2, 0x06, 1, 2])).count).toBe(1);
    expect(scanned(Uint8Array.from([0x7a, 2, 1, 2])).count).toBe(0);
  });

  it.each<[string, Uint8Array]>([
    ['a request that ends inside a tag', Uint8Array.from([0x80])],
    ['a length beyond the request', Uint8Array.from([0x0a, 0x05, 0x00])],
    ['a length of 2^31 and more', Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['a length of 2^63', Uint8Array.from([0x0a, ...new Array(9).fill(0xff), 0x01])],
    ['a length of eleven bytes', Uint8Array.from([0x0a, ...new Array(10).fill(0x80), 0x00])],
    ['a length of six bytes, where others read five', Uint8Array.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0])],
    ['a tag of six bytes', Uint8Array.from([0x8a, 0x80, 0x80, 0x80, 0x80, 0, 0])],
    ['field number 0', Uint8Array.from([0x02, 0x00])],
    ['wire type 6', Uint8Array.from([0x0e])],
    ['resource_spans as a varint', Uint8Array.from([0x08, 0x01])],
    ['scope_spans as a varint', nested([1, [0x10, 0x01]])],
    ['a resource as a fixed64', nested([1, [0x09, 0, 0, 0, 0, 0, 0, 0, 0]])],
    ['spans as a varint', nested([1, []], [2, [0x10, 0x01]])],
    ['a thousand broken spans of a few bytes', nested([1, []], [2, new Array(1_000).fill([0x12, 1, 0x08]).flat()])],
    ['ten thousand broken spans and more', nested([1, []], [2, new Array(10_001).fill(longBroken).flat()])],
  ])('refuses a whole request for %s', (_, bytes) => {
    expect(() => scanned(bytes)).toThrow(MalformedError);
  });

  it('leaves out as many broken spans as their length pays for', () => {
    const { count, invalid } = scanned(nested([1, []], [2, new Array(9_000).fill(longBroken).flat()]));
    expect([count, invalid]).toEqual([0, 9_000]);
  });

  it('finds a fault without asking where it was called from', () => {
    expect(new MalformedError('malformed').stack).toBe('MalformedError: malformed');
    expect(new Error('another').stack).toContain('scan.test.ts');
  });

  it.each<[string, readonly number[] | Uint8Array]>([
    ['wire type 7', [0x1f]],
    ['a trace id as a varint', [0x08, 0x01]],
    ['a second trace id of 15 bytes', bytesField(1, 15)],
    ['a second span id of 7 bytes', bytesField(2, 7)],
    ['a parent id of 2 bytes', bytesField(4, 2)],
    ['a parent id of 2 bytes before a proper one', [...bytesField(4, 2), ...bytesField(4, 8)]],
    ['a name as a fixed32', [0x2d, 0, 0, 0, 0]],
    ['a start time cut short', [0x39, 1, 2, 3]],
    ['flags as a varint', [0x80, 0x01, 0x01]],
    ['a kind whose varint never ends', [0x30, ...new Array(11).fill(0x80), 1]],
    ['a kind of more than 64 bits', [0x30, ...new Array(9).fill(0x80), 2]],
    ['a length of six bytes', [0x2a, 0x80, 0x80, 0x80, 0x80, 0x80, 0]],
    ['a tag of six bytes', [0xaa, 0x80, 0x80, 0x80, 0x80, 0, 0]],
    ['an attribute longer than its span', [0x4a, 0x7f]],
    ['an attribute whose key is a varint', attribute([0x08, 0x01])],
    ['an attribute whose field 3 is text', attribute([0x0a, 1, 0x6b, 0x1a, 1, 0x61])],
    ['an attribute whose value runs over', attribute([0x0a, 1, 0x6b, 0x12, 9, 0x0a, 1])],
    ['a string value shorter than it says', attribute([0x0a, 1, 0x6b, 0x12, 3, 0x0a, 5, 0x61])],
    ['a value with a wrong wire type', attribute([0x0a, 1, 0x6b, 0x12, 2, 0x08, 1])],
    ['a value whose field 8 is text', attribute([0x0a, 1, 0x6b, 0x12, 3, 0x42, 1, 0x61])],
    ['an integer value whose varint ends outside', attribute([0x0a, 1, 0x6b, 0x12, 2, 0x18, 0x80])],
    ['a value nested too deeply', attribute([0x0a, 1, 0x6b, 0x12, ...deep(120)])],
    ['a value 101 deep, counted from the request', attribute([0x0a, 1, 0x6b, 0x12, ...deep(48)])],
    ['an event with a broken time', [0x5a, 3, 0x09, 1, 2]],
    ['a link whose flags are a varint', [0x6a, 2, 0x30, 1]],
    ['a link to a trace id of 15 bytes', nested([13, bytesField(1, 15)])],
    ['a link to a span id of 16 bytes', nested([13, bytesField(2, 16)])],
    ['a status whose code is text', [0x7a, 3, 0x1a, 1, 0x61]],
    ['a group, which others read past in different ways', [0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06]],
    ['a group without an end', [0xa3, 0x06, 0x08, 0x01]],
    ['a group that ends twice', [0xa3, 0x06, 0xa4, 0x06, 0xa4, 0x06]],
    ['groups nested a thousand deep', new Array(1000).fill([0xa3, 0x06]).flat()],
  ])('leaves out a span, and no other, for %s', (_, bytes) => {
    const scan = scanned(
      nested([1, []], [2, [...nested([2, withFields(bytes)]), ...nested([2, spanBytes({ trace: 'innocent' })])]]),
    );
    expect([scan.count, scan.invalid]).toEqual([1, 1]);
    expect(scan.reason).not.toBe('');
    expect(traceIdIn(scan, 0)).toEqual(idOf('innocent', 16));
  });

  it.each<[string, readonly number[], readonly number[]]>([
    ['a broken resource attribute', [0x0a, 4, 0x0a, 2, 0x0a, 9], []],
    ['a broken resource behind the spans', [], [0x0a, 4, 0x0a, 2, 0x0a, 9]],
    ['a resource attribute whose value is a group', [0x0a, 4, 0x0a, 2, 0x13, 0x14], []],
  ])('leaves out the spans of an envelope with %s', (_, before, behind) => {
    const spans = nested([2, [...nested([2, spanBytes({ trace: 'a' })]), ...nested([2, spanBytes({ trace: 'b' })])]]);
    const envelope = nested([1, [...before, ...spans, ...behind]]);
    const scan = scanned(Uint8Array.from([...envelope, ...requestBytes({ trace: 'innocent' })]));
    expect([scan.count, scan.invalid]).toEqual([1, 2]);
    expect(traceIdIn(scan, 0)).toEqual(idOf('innocent', 16));
  });

  it('leaves out the spans of a broken scope, and none of its neighbour', () => {
    const broken = nested([2, [...nested([2, spanBytes({ trace: 'a' })]), ...nested([1, [0x1a, 1, 0x0a]])]]);
    const sound = nested([2, nested([2, spanBytes({ trace: 'innocent' })])]);
    const scan = scanned(nested([1, [...broken, ...sound]]));
    expect([scan.count, scan.invalid]).toEqual([1, 1]);
    expect(traceIdIn(scan, 0)).toEqual(idOf('innocent', 16));
  });

  const resource = nested([1, attribute(bytesField(1, 400))]);
  const scope = nested([1, bytesField(1, 400)]);
  const spans = [...nested([2, spanBytes({ trace: 'a' })]), ...nested([2, spanBytes({ trace: 'b' })])];
  it.each<[string, Uint8Array, number]>([
    ['resource', nested([1, [...resource, ...nested([2, spans])]]), resource.length],
    ['resource that stands behind its spans', nested([1, [...nested([2, spans]), ...resource]]), resource.length],
    ['resource of old SDKs', nested([1, [...resource, ...nested([1000, spans])]]), resource.length],
    [
      'resource with an unknown field',
      nested([1, [...nested([2, spans]), ...nested([77, resource])]]),
      resource.length + 4,
    ],
    ['scope', nested([1, []], [2, [...scope, ...spans]]), scope.length],
    ['scope between its spans', nested([1, []], [2, [...spans, ...scope, ...spans]]), scope.length],
  ])('leaves out the spans of a %s that is too large, and says which limit', (what, envelope, bytes) => {
    const request = Uint8Array.from([...envelope, ...requestBytes({ trace: 'innocent' })]);
    const taken = scanned(request, bytes);
    expect(taken.invalid).toBe(0);
    const scan = scanned(request, bytes - 1);
    expect([scan.count, scan.invalid]).toEqual([1, taken.count - 1]);
    expect(traceIdIn(scan, 0)).toEqual(idOf('innocent', 16));
    expect(scan.reason).toBe(
      `a ${what.split(' ')[0]} of ${bytes} bytes; at most ${bytes - 1} (receive.max_envelope_bytes)`,
    );
  });

  it('reads the spans of SDKs that write instrumentation_library_spans, where there are no others', () => {
    const old = nested([1000, nested([2, spanBytes({ trace: 'old' })])]);
    const usual = nested([2, nested([2, spanBytes({ trace: 'new' })])]);
    expect(traceIdIn(scanned(nested([1, old])), 0)).toEqual(idOf('old', 16));
    const both = scanned(nested([1, [...old, ...usual]]));
    expect([both.count, both.invalid]).toEqual([1, 0]);
    expect(traceIdIn(both, 0)).toEqual(idOf('new', 16));
  });
});

function bytesField(field: number, length: number): number[] {
  return [...nested([field, new Array(length).fill(1)])];
}

function traceIdIn({ slices }: RequestScan, row: number): Uint8Array {
  const id = new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 4; i++) id.setInt32(i * 4, slices[row * sliceWords + Slice.traceIdA + i]);
  return new Uint8Array(id.buffer);
}

/** An ArrayValue in an ArrayValue, with lengths, as the bytes that follow the tag. */
function deep(levels: number): number[] {
  let inner: number[] = [0x18, 1];
  for (let i = 0; i < levels; i++) {
    const array = nested([1, inner]);
    inner = [...nested([5, array])];
  }
  const w = new Writer();
  w.varint(inner.length);
  w.raw(Uint8Array.from(inner));
  return [...w.finish()];
}
