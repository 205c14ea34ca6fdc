import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConditionsBuilder } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import { firstWordBits } from '../../src/model/conditions.ts';
import type { AttributeOwner, NumberRange, SpanAtom, SpanPredicate, ValueTest } from '../../src/model/predicates.ts';
import { Slice, sliceWords } from '../../src/model/slice.ts';
import { WireType } from '../../src/wire/otlp.ts';
import { Writer } from '../../src/wire/writer.ts';
import { requestBytes } from '../support/spans.ts';

type Value = string | boolean | bigint | number;

interface Attributed {
  readonly attributes: Readonly<Record<string, Value>>;
}
interface SpanTold extends Attributed {
  readonly name: string;
  readonly kind: number;
  readonly code: number;
  readonly message: string;
  readonly root: boolean;
  readonly sampled: boolean;
  readonly tracestate: string;
  readonly ns: number;
  readonly events: readonly (Attributed & { readonly name: string })[];
}
interface Told {
  readonly resource: Attributed;
  readonly scope: Attributed & { readonly name: string; readonly version: string };
  readonly spans: readonly SpanTold[];
  /** Both are legal: protobuf has no order of fields. */
  readonly resourceLast: boolean;
  readonly scopeLast: boolean;
}

const keys = ['a', 'b', 'http.route', 'service.name'];
const texts = ['', 'x', 'y', '/login', 'ü'];
const numbers = [-5, 0, 1, 2.5, 400, 499.5, 1e12];
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(...texts),
  fc.boolean(),
  fc.constantFrom(...numbers),
  fc.constantFrom(-5n, 0n, 1n, 400n, 499n, -(2n ** 62n)),
);
const attributed = fc.record({ attributes: fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 }) });
const text = fc.constantFrom(...texts);
const span: fc.Arbitrary<SpanTold> = fc.record({
  attributes: fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 }),
  name: text,
  kind: fc.nat(5),
  code: fc.nat(2),
  message: text,
  root: fc.boolean(),
  sampled: fc.boolean(),
  tracestate: fc.constantFrom('', 'k=v', 'a=1, k=v2', 'k=v2,ot=rv:00000000000001'),
  ns: fc.constantFrom(0, 1, 499_999_999, 500_000_000, 500_000_001, 3_000_000_000),
  events: fc.array(fc.record({ name: text, attributes: attributed.map((it) => it.attributes) }), { maxLength: 2 }),
});
const told: fc.Arbitrary<Told> = fc.record({
  resource: attributed,
  scope: fc.record({ attributes: attributed.map((it) => it.attributes), name: text, version: text }),
  spans: fc.array(span, { minLength: 1, maxLength: 12 }),
  resourceLast: fc.boolean(),
  scopeLast: fc.boolean(),
});

const range = (bounds: fc.Arbitrary<number>): fc.Arbitrary<NumberRange> =>
  fc.record({ min: bounds, max: bounds, minExclusive: fc.boolean(), maxExclusive: fc.boolean() }, { requiredKeys: [] });
const test: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.constant<ValueTest>({ is: 'present' }),
  fc.uniqueArray(text, { maxLength: 3 }).map((values): ValueTest => ({ is: 'string', values })),
  range(fc.constantFrom(...numbers)).map((bounds): ValueTest => ({ is: 'number', range: bounds })),
  fc.boolean().map((it): ValueTest => ({ is: 'boolean', value: it })),
  fc.nat(40).map((bytes): ValueTest => ({ is: 'asked', asked: `longer ${bytes}`, test: (_, a, b) => b - a > bytes })),
);
const textTest = test.filter(({ is }) => is === 'string' || is === 'asked');
const atom: fc.Arbitrary<SpanAtom> = fc.oneof(
  fc.constantFrom<SpanAtom>({ op: 'status', codes: ['ERROR'] }, { op: 'status', codes: ['OK', 'UNSET'] }),
  fc.uniqueArray(fc.nat(5), { minLength: 1 }).map((kinds): SpanAtom => ({ op: 'kind', kinds })),
  range(fc.constantFrom(0, 1, 5e8, 5e8 + 1)).map((ns): SpanAtom => ({ op: 'duration', ns })),
  fc.constantFrom<SpanAtom>({ op: 'duration', ns: { min: 5e8, minExclusive: true } }),
  fc.constantFrom<SpanAtom>({ op: 'root' }, { op: 'sampled' }),
  fc.constantFrom<SpanAtom>(
    { op: 'tracestate', key: 'k', values: ['v2'] },
    { op: 'tracestate', key: 'a', values: ['1'] },
  ),
  fc
    .tuple(fc.constantFrom('name', 'event name', 'scope name', 'scope version', 'status message'), textTest)
    .map(([of, is]) => ({ op: 'text', of, is }) as SpanAtom),
  fc
    .tuple(fc.constantFrom<AttributeOwner>('span', 'event', 'scope', 'resource'), fc.constantFrom(...keys), test)
    .map(([of, key, is]): SpanAtom => ({ op: 'attribute', of, key, is })),
  fc
    .nat(200)
    .map((bytes): SpanAtom => ({ op: 'ask', asked: `of ${bytes}`, test: ({ start, end }) => end - start > bytes })),
);
const { predicate } = fc.letrec<{ predicate: SpanPredicate }>((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    fc.array(tie('predicate'), { maxLength: 3 }).map((of): SpanPredicate => ({ op: 'and', of })),
    fc.array(tie('predicate'), { maxLength: 3 }).map((of): SpanPredicate => ({ op: 'or', of })),
    tie('predicate').map((of): SpanPredicate => ({ op: 'not', of })),
  ),
}));

/** The request, and where each of its spans lies. */
function written({ resource, scope, spans, resourceLast, scopeLast }: Told) {
  const bodies = spans.map(spanBytes);
  const scopeSpans = new Writer();
  if (!scopeLast) scopeSpans.bytes(1, scopeBytes(scope));
  for (const body of bodies) scopeSpans.bytes(2, body);
  if (scopeLast) scopeSpans.bytes(1, scopeBytes(scope));
  const resourceSpans = new Writer();
  if (!resourceLast) resourceSpans.bytes(1, attributesOf(1, resource));
  resourceSpans.bytes(2, scopeSpans.finish());
  if (resourceLast) resourceSpans.bytes(1, attributesOf(1, resource));
  const request = new Writer();
  request.bytes(1, resourceSpans.finish());
  const bytes = request.finish();
  const buf = new Uint8Array(bytes.length + 64);
  buf.set(bytes);
  return { buf, length: bytes.length, spanLengths: bodies.map((body) => body.length) };
}

/** The writer, behind the tag of a field. */
function scalar(w: Writer, field: number, type: number): Writer {
  w.tag(field, type);
  return w;
}

function spanBytes(it: SpanTold): Uint8Array {
  const w = new Writer();
  w.bytes(1, new Uint8Array(16).fill(7));
  w.bytes(2, new Uint8Array(8).fill(3));
  if (it.tracestate !== '') w.string(3, it.tracestate);
  if (!it.root) w.bytes(4, new Uint8Array(8).fill(9));
  if (it.name !== '') w.string(5, it.name);
  scalar(w, 6, WireType.varint).varint(it.kind);
  scalar(w, 7, WireType.fixed64).fixed64(1_700_000_000_000_000_000n);
  scalar(w, 8, WireType.fixed64).fixed64(1_700_000_000_000_000_000n + BigInt(it.ns));
  w.raw(attributesOf(9, it));
  for (const event of it.events) w.bytes(11, eventBytes(event));
  const status = new Writer();
  if (it.message !== '') status.string(2, it.message);
  scalar(status, 3, WireType.varint).varint(it.code);
  w.bytes(15, status.finish());
  if (it.sampled) scalar(w, 16, WireType.fixed32).fixed32(1);
  return w.finish();
}

function eventBytes(event: SpanTold['events'][number]): Uint8Array {
  const w = new Writer();
  if (event.name !== '') w.string(2, event.name);
  w.raw(attributesOf(3, event));
  return w.finish();
}

function scopeBytes({ name, version, attributes }: Told['scope']): Uint8Array {
  const w = new Writer();
  if (name !== '') w.string(1, name);
  if (version !== '') w.string(2, version);
  w.raw(attributesOf(3, { attributes }));
  return w.finish();
}

function attributesOf(field: number, { attributes }: Attributed): Uint8Array {
  const w = new Writer();
  const entries = Object.entries(attributes);
  // Some stand there once more, against the specification: the first of them counts.
  const again =
    entries.length === 2
      ? entries.flatMap(([key], i) => [[key, entries[1 - i][1]] as const, [key, '/login'] as const])
      : [];
  for (const [key, each] of [...entries, ...again]) {
    const pair = new Writer();
    pair.string(1, key);
    pair.bytes(2, valueBytes(each));
    w.bytes(field, pair.finish());
  }
  return w.finish();
}

function valueBytes(each: Value): Uint8Array {
  const w = new Writer();
  if (typeof each === 'string') w.string(1, each);
  else if (typeof each === 'boolean') scalar(w, 2, WireType.varint).varint(each ? 1 : 0);
  else if (typeof each === 'bigint') scalar(w, 3, WireType.varint).int64(each);
  else scalar(w, 4, WireType.fixed64).double(each);
  return w.finish();
}

/** Asks objects, one after the other: how it reads in docs/rules.md. */
function plainly(it: SpanPredicate, of: { told: Told; span: SpanTold; bytes: number }): boolean {
  const { told, span, bytes } = of;
  switch (it.op) {
    case 'and':
      return it.of.every((each) => plainly(each, of));
    case 'or':
      return it.of.some((each) => plainly(each, of));
    case 'not':
      return !plainly(it.of, of);
    case 'status':
      return it.codes.includes((['UNSET', 'OK', 'ERROR'] as const)[span.code]);
    case 'kind':
      return it.kinds.includes(span.kind);
    case 'duration':
      return isIn(span.ns, it.ns);
    case 'root':
      return span.root;
    case 'sampled':
      return span.sampled;
    case 'tracestate': {
      const members = span.tracestate.split(',').map((member) => member.trim());
      return it.values.some((each) => members.includes(`${it.key}=${each}`));
    }
    case 'text': {
      if (it.of === 'event name') return span.events.some((event) => isText(event.name, it.is));
      const is = { name: span.name, 'scope name': told.scope.name, 'scope version': told.scope.version };
      return isText({ ...is, 'status message': span.message }[it.of], it.is);
    }
    case 'attribute': {
      const owners = { span: [span], event: span.events, scope: [told.scope], resource: [told.resource] }[it.of];
      return owners.some(({ attributes }) => it.key in attributes && isValue(attributes[it.key], it.is));
    }
    case 'ask':
      return it.test({
        buf: new Uint8Array(0),
        start: 0,
        end: bytes,
        resourceSpansAt: 0,
        scopeSpansAt: 0,
        resourceNumber: 0,
        scopeNumber: 0,
      });
  }
}

function isIn(n: number, { min, max, minExclusive, maxExclusive }: NumberRange): boolean {
  const above = min === undefined || n > min || (n === min && !minExclusive);
  return above && (max === undefined || n < max || (n === max && !maxExclusive));
}

function isText(is: string, asked: ValueTest): boolean {
  if (asked.is === 'string') return asked.values.includes(is);
  return asked.is === 'asked' && asked.test(new Uint8Array(0), 0, Buffer.byteLength(is));
}

function isValue(is: Value, asked: ValueTest): boolean {
  switch (asked.is) {
    case 'present':
      return true;
    case 'string':
      return typeof is === 'string' && asked.values.includes(is);
    case 'boolean':
      return is === asked.value;
    case 'number':
      return (typeof is === 'number' || typeof is === 'bigint') && isIn(Number(is), asked.range);
    case 'asked':
      return asked.test(new Uint8Array(0), 0, valueBytes(is).length);
  }
}

describe('what is asked of spans', () => {
  it('is answered by bits as by asking one after the other, wherever resource and scope stand', () => {
    fc.assert(
      fc.property(
        fc.array(predicate, { minLength: 1, maxLength: 60 }),
        told,
        fc.constantFrom(1, 1e9),
        (asked, it, step) => {
          const builder = new ConditionsBuilder();
          const bits = asked.map((each) => builder.bitsOf(each));
          const conditions = builder.build();
          const { buf, length, spanLengths } = written(it);
          const scan = new RequestScan();
          scan.begin(buf, 0, length, conditions);
          while (!scan.step(step)) {}
          expect(scan.count).toBe(it.spans.length);
          it.spans.forEach((one, i) => {
            const row = i * scan.stride;
            const word = (n: number) => scan.slices[n === 0 ? row + Slice.bits : row + sliceWords + n - 1];
            const got = bits.map((some) => some.some((bit) => (word(bit >>> 5) & (1 << (bit & 31))) !== 0));
            const of = { told: it, span: one, bytes: spanLengths[i] };
            expect(got).toEqual(asked.map((each) => plainly(each, of)));
          });
        },
      ),
      { numRuns: 400 },
    );
  });

  it('takes a word where it is little, and as many as it needs where it is much', () => {
    const named = (count: number) => {
      const builder = new ConditionsBuilder();
      for (let i = 0; i < count; i++)
        builder.bitsOf({ op: 'attribute', of: 'span', key: 'k', is: { is: 'string', values: [`${i}`] } });
      return builder.build();
    };
    expect([0, 1, firstWordBits].map((count) => named(count).rowWords)).toEqual([sliceWords, sliceWords, sliceWords]);
    expect([29, 60, 61, 92].map((count) => named(count).words)).toEqual([2, 2, 3, 3]);
  });

  it('is the same question where it is asked twice', () => {
    const builder = new ConditionsBuilder();
    const ask = (value: string) =>
      builder.bitsOf({ op: 'attribute', of: 'resource', key: 'k', is: { is: 'string', values: [value] } });
    expect(ask('a')).toEqual(ask('a'));
    expect(ask('a')).not.toEqual(ask('b'));
  });

  it('asks of the bytes where nothing cheaper has decided, and once where two want to know', () => {
    let asked = 0;
    const costly = (name: string): SpanAtom => ({ op: 'ask', asked: name, test: () => ++asked > 0 });
    const error: SpanAtom = { op: 'status', codes: ['ERROR'] };
    const root: SpanAtom = { op: 'root' };
    const run = (...predicates: SpanPredicate[]): number => {
      const builder = new ConditionsBuilder();
      for (const predicate of predicates) builder.bitsOf(predicate);
      const conditions = builder.build();
      const scan = new RequestScan();
      const bytes = requestBytes({ trace: 'a', status: 'ERROR' }, { trace: 'a' }, { trace: 'a', parent: 'x' });
      const buf = new Uint8Array(bytes.length + 64);
      buf.set(bytes);
      asked = 0;
      scan.run(buf, 0, bytes.length, conditions);
      return asked;
    };
    const both = (...of: SpanPredicate[]): SpanPredicate => ({ op: 'and', of });
    expect(run(both(costly('x'), error))).toBe(1);
    expect(run(both({ op: 'not', of: costly('x') }, { op: 'or', of: [costly('y'), root] }, error))).toBe(1);
    expect(run({ op: 'not', of: { op: 'or', of: [costly('x'), root] } })).toBe(1);
    expect(run(costly('x'))).toBe(3);
    expect(run(both(costly('x'), error), both(costly('x'), root))).toBe(3);
    expect(run(both(costly('x'), error), costly('x'))).toBe(3);
  });
});
