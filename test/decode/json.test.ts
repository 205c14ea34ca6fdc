import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../src/decode/json.ts';
import { ExportRequest } from '../receive/support/intake.ts';
import { encodeReference, requestJson, spanJson, traceIdHex } from '../receive/support/requests.ts';

const decodeText = (text: string): Buffer => Buffer.from(decodeJson(Buffer.from(text)));
const decode = (json: unknown): Buffer => decodeText(JSON.stringify(json));

const spanWith = (more: Record<string, unknown>): unknown =>
  requestJson([{ ...spanJson('eee19b7ec3c1b174'), ...more }]);
const attributeOf = (value: unknown): unknown => requestJson([{ attributes: [{ key: 'k', value }] }]);

/** The only span of a request, as protobufjs reads it. */
interface Read {
  [field: string]: unknown;
  attributes: { value: Record<string, unknown> | null }[];
}
function spanOf(message: Uint8Array): Read {
  const read = ExportRequest.toObject(ExportRequest.decode(message), { longs: String, bytes: String, defaults: false });
  return read.resourceSpans[0].scopeSpans[0].spans[0];
}
const attributeIn = (message: Uint8Array): unknown => spanOf(message).attributes[0].value;
const hexOf = (base64: unknown): string => Buffer.from(base64 as string, 'base64').toString('hex');

describe('OTLP/JSON becomes the same in protobuf', () => {
  it('for a request with nearly every field', () => {
    expect(decode(requestJson())).toEqual(encodeReference(requestJson()));
  });

  it('for whatever attributes there are', () => {
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'grapheme' }).map((text) => ({ stringValue: text })),
        fc.boolean().map((truth) => ({ boolValue: truth })),
        int64.map((integer) => ({ intValue: String(integer) })),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => ({ doubleValue: double })),
        fc.uint8Array().map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
        fc.constant({}),
        fc.array(tie('value'), { maxLength: 4 }).map((values) => ({ arrayValue: { values } })),
        fc
          .array(fc.record({ key: fc.string({ minLength: 1 }), value: tie('value') }), { maxLength: 4 })
          .map((values) => ({ kvlistValue: { values } })),
      ),
    }));
    fc.assert(
      fc.property(value, (any) => {
        // JSON has no negative zero; what went through it is compared.
        const json = JSON.parse(JSON.stringify(attributeOf(any)));
        expect(decode(json).equals(encodeReference(json))).toBe(true);
      }),
    );
  });

  it('for empty requests and envelopes', () => {
    expect(decode({})).toHaveLength(0);
    // What holds no span and says nothing is left out: a million of it would cost more than it is worth.
    expect(decode({ resourceSpans: [{}, { scopeSpans: [{}, {}] }] })).toHaveLength(0);
    expect(decode({ resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] })).toEqual(
      Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0]),
    );
    expect(decodeText('\ufeff{"resourceSpans":[]}')).toHaveLength(0);
  });
});

describe('64-bit integers', () => {
  it('keep every nanosecond, as a string and as a number', () => {
    const asString = decode(spanWith({ startTimeUnixNano: '1753000000123456789' }));
    const asNumber = decodeText(
      JSON.stringify(spanWith({ startTimeUnixNano: 'HERE' })).replace('"HERE"', '1753000000123456789'),
    );
    expect(asNumber.equals(asString)).toBe(true);
    expect(spanOf(asNumber).startTimeUnixNano).toBe('1753000000123456789');
  });

  it('keep every digit in attributes, while doubles beside them stay doubles', () => {
    const text = JSON.stringify(attributeOf({ arrayValue: { values: ['INT', 'DOUBLE', 'DOUBLE'] } }))
      .replace('"INT"', '{"intValue":-9223372036854775807}')
      .replace('"DOUBLE"', '{"doubleValue":12345678901234567890}')
      .replace('"DOUBLE"', '{"doubleValue":1e300}');
    expect(attributeIn(decodeText(text))).toEqual({
      arrayValue: {
        values: [{ intValue: '-9223372036854775807' }, { doubleValue: 12345678901234567000 }, { doubleValue: 1e300 }],
      },
    });
  });

  it.each([
    ['"18446744073709551615"', '18446744073709551615'],
    ['"1.753e18"', '1753000000000000000'],
    ['"1753000000123456789.0"', '1753000000123456789'],
    ['1.753000000123456789e18', '1753000000123456789'],
    ['"120e-1"', '12'],
    ['12.0', '12'],
  ])('may be written %s', (written, read) => {
    const text = JSON.stringify(spanWith({ endTimeUnixNano: 'HERE' })).replace('"HERE"', written);
    expect(spanOf(decodeText(text)).endTimeUnixNano).toBe(read);
  });

  it.each(['-1', '18446744073709551616', '1e999', '1.5', '12x', '', '0x10', '1e20', 'NaN', ' 1'])(
    'may not be %j',
    (written) => {
      expect(() => decode(spanWith({ startTimeUnixNano: written }))).toThrow(
        /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.startTimeUnixNano: /,
      );
    },
  );

  it('say what is wrong with one in the middle of a batch', () => {
    const spans = [...Array.from({ length: 3 }, () => spanJson('eee19b7ec3c1b174')), { startTimeUnixNano: '-5' }];
    expect(() => decode(requestJson(spans))).toThrow(
      'resourceSpans[0].scopeSpans[0].spans[3].startTimeUnixNano: "-5" is out of range 0 … 18446744073709551615',
    );
    expect(() => decode(attributeOf({ intValue: '9223372036854775808' }))).toThrow(
      'spans[0].attributes[0].value.intValue: "9223372036854775808" is out of range',
    );
  });
});

describe('ids', () => {
  it('are hex in any case', () => {
    const span = spanOf(decode(spanWith({ traceId: traceIdHex.toUpperCase() })));
    expect(hexOf(span.traceId)).toBe(traceIdHex);
  });

  it('of a wrong length keep their bytes, so that the span is rejected and not the request', () => {
    expect(hexOf(spanOf(decode(spanWith({ traceId: '0102' }))).traceId)).toBe('0102');
  });

  it.each(['zz', 'abc', 'W47/95gDgQPSabYzgT/GDA=='])('that are not hex (%s) become one that is never valid', (id) => {
    expect(hexOf(spanOf(decode(spanWith({ traceId: id, parentSpanId: id }))).traceId)).toBe('ff');
  });

  it('that are empty are absent', () => {
    expect(spanOf(decode(spanWith({ parentSpanId: '' }))).parentSpanId).toBeUndefined();
  });
});

describe('what senders write differently', () => {
  it('snake_case keys', () => {
    const span = { trace_id: traceIdHex, span_id: '0102030405060708', start_time_unix_nano: '5', parent_span_id: '' };
    const request = { resource_spans: [{ scope_spans: [{ spans: [span], schema_url: 'x' }] }] };
    expect(spanOf(decode(request))).toMatchObject({ startTimeUnixNano: '5' });
  });

  it('enum names, and enum values that nobody knows yet', () => {
    const named = decode(spanWith({ kind: 'SPAN_KIND_CONSUMER', status: { code: 'STATUS_CODE_ERROR' } }));
    expect(spanOf(named)).toMatchObject({ kind: 5, status: { code: 2 } });
    expect(spanOf(decode(spanWith({ kind: 77 })))).toMatchObject({ kind: 77 });
    expect(spanOf(decode(spanWith({ kind: -1 })))).toMatchObject({ kind: -1 });
    expect(() => decode(spanWith({ kind: 'SPAN_KIND_NONSENSE' }))).toThrow(
      'kind: "SPAN_KIND_NONSENSE" is not an integer',
    );
  });

  it('null for what is not set, and keys of a later version', () => {
    const request = spanWith({
      name: null,
      attributes: null,
      status: null,
      events: null,
      later: { deep: [1, { a: 2 }] },
    });
    expect(spanOf(decode(request))).not.toHaveProperty('name');
    expect(attributeIn(decode(attributeOf(null)))).toBeUndefined();
    // An element that is null is one with nothing in it, as for the Collector.
    expect(attributeIn(decode(attributeOf({ arrayValue: { values: [null, { intValue: 1 }] } })))).toEqual({
      arrayValue: { values: [{}, { intValue: '1' }] },
    });
  });

  it('keys that mean something to JavaScript', () => {
    const text = '{"__proto__":{"resourceSpans":[{}]},"constructor":1,"toString":2,"resourceSpans":[]}';
    expect(decodeText(text)).toHaveLength(0);
  });

  it.each([
    ['+/8=', 'fbff'],
    ['-_8', 'fbff'],
    ['', ''],
  ])('base64 with either alphabet and no padding: %j', (text, hex) => {
    const value = attributeIn(decode(attributeOf({ bytesValue: text }))) as { bytesValue: string };
    expect(hexOf(value.bytesValue)).toBe(hex);
  });

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['1.5e3', 1500],
    ['-0', -0],
    [3, 3],
  ])('doubles as %j', (written, read) => {
    expect(attributeIn(decode(attributeOf({ doubleValue: written })))).toEqual({ doubleValue: read });
  });

  it('defaults: left out but for attribute values', () => {
    expect(
      decode(requestJson([{ name: '', kind: 0, droppedAttributesCount: 0, startTimeUnixNano: '0', flags: 0 }])),
    ).toEqual(decode(requestJson([{}])));
    expect(attributeIn(decode(attributeOf({ boolValue: false })))).toEqual({ boolValue: false });
    expect(attributeIn(decode(attributeOf({ intValue: 0 })))).toEqual({ intValue: '0' });
    expect(attributeIn(decode(attributeOf({ stringValue: '' })))).toEqual({ stringValue: '' });
  });
});

describe('what is not OTLP is refused and says where', () => {
  it.each([
    [[], 'request: expected an object, found a list'],
    [null, 'request: expected an object, found null'],
    [{ resourceSpans: {} }, 'resourceSpans: expected a list, found an object'],
    [{ resourceSpans: [null, 1] }, 'resourceSpans[1]: expected an object, found a number'],
    [{ resourceSpans: [{ resource: 5 }] }, 'resourceSpans[0].resource: expected an object, found a number'],
    [{ resource_spans: [{ schemaUrl: 5 }] }, 'resource_spans[0].schemaUrl: expected a string, found a number'],
  ])('%j', (json, message) => {
    expect(() => decode(json)).toThrow(message);
  });

  it.each([
    [{ boolValue: 'true' }, 'boolValue: expected true or false, found a string'],
    [{ doubleValue: 'five' }, 'doubleValue: expected a number, found a string'],
    [{ bytesValue: 'ä' }, 'bytesValue: not base64'],
    [{ intValue: true }, 'intValue: expected an integer, found a boolean'],
  ])('an attribute %j', (value, message) => {
    expect(() => decode(attributeOf(value))).toThrow(message);
  });

  it('invalid UTF-8, rather than other text', () => {
    const text = Buffer.from(JSON.stringify(spanWith({ name: 'aXb' })));
    text[text.indexOf('X')] = 0xff;
    expect(() => decodeJson(text)).toThrow('not UTF-8 between byte 0 and');
  });

  it('what a double cannot hold', () => {
    expect(() => decode(attributeOf({ doubleValue: '1e999' }))).toThrow('doubleValue: "1e999" is out of range');
    expect(() =>
      decodeText('{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":-1e999}}]}}]}'),
    ).toThrow('doubleValue: "-1e999" is out of range');
  });

  it.each(['a', 'abcde', 'a*b', '+=/8', '===='])('%j for base64', (bytesValue) => {
    expect(() => decode(attributeOf({ bytesValue }))).toThrow('bytesValue: not base64');
  });

  it.each(['toString', '__proto__', 'constructor', 'hasOwnProperty', ''])('%j for an enum value', (word) => {
    expect(() => decode(spanWith({ kind: word }))).toThrow(`kind: "${word}" is not an integer`);
    expect(() => decode(spanWith({ status: { code: word } }))).toThrow(`code: "${word}" is not an integer`);
  });
});

describe('what is said twice', () => {
  it.each([
    ['the last value counts', '"name":"a","name":"b"', { name: 'b' }],
    ['under two spellings as well', '"startTimeUnixNano":1,"start_time_unix_nano":2', { startTimeUnixNano: '2' }],
    ['lists go on', '"events":[{"name":"a"}],"events":[{"name":"b"}]', { events: [{ name: 'a' }, { name: 'b' }] }],
    ['messages are one', '"status":{"code":2},"status":{"message":"x"}', { status: { code: 2, message: 'x' } }],
  ])('%s', (_, members, expected) => {
    expect(spanOf(decodeText(`{"resourceSpans":[{"scopeSpans":[{"spans":[{${members}}]}]}]}`))).toMatchObject(expected);
  });

  it('the last value counts, also where it is a default', () => {
    const text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","kind":2,"name":"","kind":0}]}]}]}';
    const { name, kind } = spanOf(decodeText(text));
    expect([name ?? '', kind ?? 0]).toEqual(['', 0]);
  });

  it('of a value’s kinds the last one counts', () => {
    const value = attributeIn(decodeText(JSON.stringify(attributeOf({ stringValue: 'a', intValue: 5 }))));
    expect(value).toMatchObject({ intValue: '5' });
  });
});

describe('nesting', () => {
  const nested = (depth: number): string =>
    JSON.stringify(attributeOf('HERE')).replace(
      '"HERE"',
      '{"arrayValue":{"values":['.repeat(depth) + '{"intValue":7}' + ']}}'.repeat(depth),
    );

  it('of values is written as deep as it may be, and one level deeper, for which the scan refuses the span', () => {
    // A value lies five deep, and each list two deeper.
    expect(decodeText(nested(47)).includes(Buffer.from([0x18, 7]))).toBe(true);
    expect(decodeText(nested(48)).includes(Buffer.from([0x18, 7]))).toBe(false);
    expect(decodeText(nested(48)).length).toBeGreaterThan(decodeText(nested(47)).length);
    expect(decodeText(nested(2000)).length).toBe(decodeText(nested(49)).length);
  });

  it('under unknown keys does no harm, until it is absurd', () => {
    const later = (depth: number): string => `{"later":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(decodeText(later(9_990))).toHaveLength(0);
    expect(() => decodeText(later(200_000))).toThrow('nested more than 10000 deep');
    expect(() => decodeText('['.repeat(200_000))).toThrow('request: expected an object, found a list');
    expect(() => decodeText(`{"later":${'{"a":'.repeat(200_000)}`)).toThrow('nested more than 10000 deep');
  });
});
