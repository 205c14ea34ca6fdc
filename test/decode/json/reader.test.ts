import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJson, JsonReader, slackBytes, spareBytes } from '../../../src/decode/json.ts';
import { ExportRequest } from '../../receive/support/intake.ts';
import { encodeReference, requestJson, spanJson } from '../../receive/support/requests.ts';

/** Reads a text in pieces of the given sizes, over and over; what came of it, or why not. */
function inPieces(text: Uint8Array, sizes: readonly number[]): Buffer | string {
  const from = spareBytes(text.length);
  const memory = Buffer.alloc(from + text.length + slackBytes, 0xa5);
  memory.set(text, from);
  try {
    const reader = new JsonReader(memory, from);
    for (let i = 0; !reader.read(sizes[i % sizes.length]); i++) if (i > text.length * 4 + 8) throw new Error('no end');
    return Buffer.from(reader.message());
  } catch (error) {
    return (error as Error).message;
  }
}

/** The request as an object, in which the order of fields does not matter. */
const meant = (message: Uint8Array): object =>
  ExportRequest.toObject(ExportRequest.decode(message), { longs: String, bytes: String });

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'http.route', '"', '\\', '\u0000', '\u2028', '😀'),
  fc.string({ unit: 'binary-ascii', minLength: 100, maxLength: 300 }),
);
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'));
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat(2 ** 32 - 1);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((integer) => ({ intValue: String(integer) })),
    fc.integer().map((integer) => ({ intValue: integer })),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((doubleValue) => ({ doubleValue: doubleValue + 0 })),
    fc.uint8Array().map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    fc.constant({}),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => ({ arrayValue: { values } })),
    fc
      .array(fc.record({ key: text, value: tie('value') }), { maxLength: 4 })
      .map((values) => ({ kvlistValue: { values } })),
  ),
}));
const attributes = fc.array(fc.record({ key: text, value }), { maxLength: 5 });
const optional = { requiredKeys: [] };
const span = fc.record(
  {
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: hex(8),
    traceState: text,
    name: text,
    kind: fc.nat(5),
    startTimeUnixNano: uint64.map(String),
    endTimeUnixNano: uint64.map(String),
    attributes,
    droppedAttributesCount: uint32,
    events: fc.array(fc.record({ timeUnixNano: uint64.map(String), name: text, attributes }, optional), {
      maxLength: 3,
    }),
    links: fc.array(fc.record({ traceId: hex(16), spanId: hex(8), attributes, flags: uint32 }), { maxLength: 3 }),
    status: fc.record({ message: text, code: fc.nat(2) }, optional),
    flags: uint32,
  },
  optional,
);
const scopeSpans = fc.record(
  {
    scope: fc.record({ name: text, version: text, attributes }, optional),
    spans: fc.array(span, { minLength: 1, maxLength: 3 }),
    schemaUrl: text,
  },
  { requiredKeys: ['spans'] },
);
const request = fc.record({
  resourceSpans: fc.array(
    fc.record(
      {
        resource: fc.record({ attributes, droppedAttributesCount: uint32 }, optional),
        scopeSpans: fc.array(scopeSpans, { minLength: 1, maxLength: 2 }),
        schemaUrl: text,
      },
      { requiredKeys: ['scopeSpans'] },
    ),
    { minLength: 1, maxLength: 2 },
  ),
});

/**
 * Writes JSON as nobody does: blanks, escapes, snake_case and unknown keys where `toss` says so; it gives 0 … n - 1.
 */
function scrawl(json: unknown, toss: (n: number) => number): string {
  const blanks = (): string => [' ', '\n', '\t\r', ''][toss(40)] ?? '';
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const quoted = (word: string): string => {
    const characters = [...word].map((c) =>
      toss(12) === 0 ? c.replace(/[\s\S]/g, escaped) : JSON.stringify(c).slice(1, -1),
    );
    return `"${characters.join('')}"`;
  };
  const write = (value: unknown): string => {
    if (typeof value === 'string') return quoted(value);
    if (Array.isArray(value)) return `[${value.map((item) => blanks() + write(item) + blanks()).join(',')}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const members = Object.entries(value).map(([key, member]) => {
      const name = toss(5) === 0 ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key;
      return `${blanks()}${quoted(name)}${blanks()}:${blanks()}${write(member)}${blanks()}`;
    });
    const later = ['"later":[1,-2.5e-3,{"a":[[],{}]},"x\\"y"]', '"__proto__":{"name":1}', '"kind2":null'][toss(20)];
    if (later !== undefined) members.splice(toss(members.length + 1), 0, later);
    return `{${members.join(',')}}`;
  };
  return write(json);
}

const tosses = fc.infiniteStream(fc.nat(2 ** 16)).map(
  (stream) =>
    (n: number): number =>
      stream.next().value % n,
);

describe('the JSON reader', () => {
  it('reads whatever is written, however it is written, as protobufjs does', () => {
    fc.assert(
      fc.property(request, tosses, (json, toss) => {
        // What went through JSON is compared: it has no negative zero.
        const plain = JSON.parse(JSON.stringify(json));
        const expected = meant(encodeReference(plain));
        expect(meant(decodeJson(Buffer.from(JSON.stringify(plain))))).toEqual(expected);
        expect(meant(decodeJson(Buffer.from(scrawl(plain, toss))))).toEqual(expected);
      }),
      { numRuns: 100, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('reads the same in pieces of any size', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(request, tosses, sizes, (json, toss, sizes) => {
        const body = Buffer.from(scrawl(json, toss));
        expect(inPieces(body, sizes)).toEqual(inPieces(body, [body.length]));
      }),
      { numRuns: 60, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('reads the same in pieces of one byte', () => {
    const body = Buffer.from(`\ufeff ${JSON.stringify(requestJson(), null, 2)} `);
    expect(inPieces(body, [1])).toEqual(encodeReference(requestJson()));
  });

  it('ends with a message or a reason, the same in pieces, when bytes of the text are changed', () => {
    const body = Buffer.from(JSON.stringify(requestJson([spanJson('0000000000000001'), spanJson('0000000000000002')])));
    const change = fc.record({ at: fc.nat(body.length - 1), byte: fc.nat(255), cut: fc.nat(3) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 99 }),
        (changes, size) => {
          let changed = Buffer.from(body);
          for (const { at, byte, cut } of changes) {
            changed[at % changed.length] = byte;
            if (cut === 0) changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + 3)]);
          }
          const whole = inPieces(changed, [changed.length]);
          const pieces = inPieces(changed, [size]);
          // Which of two faults is met first, and how closely bad UTF-8 is told, depends on the pieces.
          if (typeof whole === 'string') {
            expect(typeof pieces).toBe('string');
            expect(`${whole} ${pieces}`).not.toMatch(/outgrew|no end|Cannot|Invalid/);
          } else {
            expect(pieces).toEqual(whole);
            expect(() => ExportRequest.decode(whole)).not.toThrow();
          }
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
  });

  it('has room for what outgrows its text: many long strings in a list', () => {
    // Each costs three bytes in JSON, and four on the wire.
    const idKeys = Array.from({ length: 200 }, () => 'x'.repeat(16_384));
    const json = { resourceSpans: [{ resource: { entityRefs: [{ idKeys }] } }] };
    const message = inPieces(Buffer.from(JSON.stringify(json)), [64 * 1024]);
    expect(encodeReference(json).equals(message as Buffer)).toBe(true);
  });
});
