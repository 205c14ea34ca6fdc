import { describe, expect, it } from 'vitest';
import { AnyValue, KeyValue, ListValue, Span } from '../../src/wire/otlp.ts';
import { Writer } from '../../src/wire/writer.ts';
import { ExportRequestType, SpanType } from '../support/otlp.ts';
import { traceIdHex } from '../support/spans.ts';
import { Inside, start } from './fixture.ts';

const bytesOf = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
const traceId = bytesOf('0102030405060708090a0b0c0d0e0f10');
const hex = '0102030405060708090a0b0c0d0e0f10';
const time = (ns: number): string => String(BigInt(start) * 1_000_000n + BigInt(ns));

/** Every field and every kind of value there is, written by an independent encoder. */
const everything = {
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'лавка' } },
          { key: 'process.pid', value: { intValue: '4611686018427387905' } },
        ],
        droppedAttributesCount: 1,
      },
      scopeSpans: [
        {
          scope: { name: 'lib', version: '1.2', attributes: [{ key: 'a', value: { boolValue: true } }] },
          spans: [
            {
              traceId,
              spanId: bytesOf('1111111111111111'),
              parentSpanId: bytesOf('2222222222222222'),
              traceState: 'ot=th:fd70a',
              flags: 257,
              name: '買う',
              kind: 'SPAN_KIND_SERVER',
              startTimeUnixNano: time(1),
              endTimeUnixNano: time(2_000_000_003),
              attributes: [
                { key: 'text', value: { stringValue: 'x' } },
                { key: 'empty', value: { stringValue: '' } },
                { key: 'no', value: { boolValue: false } },
                { key: 'zero', value: { intValue: '0' } },
                { key: 'negative', value: { intValue: '-5' } },
                { key: 'double', value: { doubleValue: 0.5 } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }] } } },
                { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { doubleValue: 2 } }] } } },
                { key: 'bytes', value: { bytesValue: bytesOf('00ff') } },
              ],
              droppedAttributesCount: 2,
              events: [
                {
                  timeUnixNano: time(7),
                  name: 'exception',
                  attributes: [{ key: 'exception.type', value: { stringValue: 'Oops' } }],
                  droppedAttributesCount: 3,
                },
              ],
              droppedEventsCount: 4,
              links: [
                {
                  traceId: bytesOf('ffeeddccbbaa99887766554433221100'),
                  spanId: bytesOf('3333333333333333'),
                  traceState: 'a=b',
                  attributes: [{ key: 'why', value: { stringValue: 'batch' } }],
                  droppedAttributesCount: 5,
                  flags: 1,
                },
              ],
              droppedLinksCount: 6,
              status: { message: 'no', code: 'STATUS_CODE_ERROR' },
            },
          ],
          schemaUrl: 'https://scope',
        },
      ],
      schemaUrl: 'https://resource',
    },
  ],
};
const encode = (request: object): Uint8Array =>
  ExportRequestType.encode(ExportRequestType.fromObject(request)).finish();
const decode = (bytes: Uint8Array): object =>
  ExportRequestType.toObject(ExportRequestType.decode(bytes), { longs: String, bytes: String, enums: String });

describe('a stored trace is shown', () => {
  it('in the JSON of Tempo, every field of it', async () => {
    using store = new Inside().keepBytes(encode(everything));
    expect(await store.json(`/api/traces/${hex}`)).toEqual({ batches: everything.resourceSpans });
    expect(await store.json(`/api/v2/traces/${hex}`)).toEqual({
      trace: everything,
      metrics: { inspectedBytes: expect.stringMatching(/^\d+$/) },
    });
  });

  it('in protobuf, spans and envelopes as they came', async () => {
    const bytes = encode(everything);
    using store = new Inside().keepBytes(bytes);
    const answer = await store.get(`/api/traces/${hex}`, {}, 'application/protobuf');
    expect(answer.headers).toEqual({ 'content-type': 'application/protobuf' });
    const shouted = await store.get(`/api/traces/${hex}`, {}, 'text/plain, Application/Protobuf;q=0.9');
    expect(shouted.headers).toEqual(answer.headers);
    expect(decode(answer.body as Uint8Array)).toEqual(everything);
    expect((answer.body as Uint8Array).length).toBe(bytes.length);
    const span = SpanType.encode(SpanType.fromObject(everything.resourceSpans[0].scopeSpans[0].spans[0])).finish();
    expect(Buffer.from(answer.body as Uint8Array).includes(span)).toBe(true);
  });

  it('as TraceByIDResponse in version 2', async () => {
    using store = new Inside().keepBytes(encode(everything));
    const v1 = (await store.get(`/api/traces/${hex}`, {}, 'application/protobuf')).body as Uint8Array;
    const v2 = (await store.get(`/api/v2/traces/${hex}`, {}, 'application/protobuf')).body as Uint8Array;
    const length = [(v1.length & 0x7f) | 0x80, v1.length >> 7];
    expect([...v2]).toEqual([0x0a, ...length, ...v1, 0x12, 3, 0x08, ...length]);
  });

  it('without the zeros that jsonpb leaves out, and with the objects that readers look into', async () => {
    const span = {
      traceId,
      spanId: bytesOf('1111111111111111'),
      kind: 0,
      startTimeUnixNano: '0',
      name: '',
    };
    using store = new Inside().keepBytes(encode({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
    expect(await store.json(`/api/traces/${hex}`)).toEqual({
      batches: [{ resource: {}, scopeSpans: [{ scope: {}, spans: [{ traceId, spanId: span.spanId, status: {} }] }] }],
    });
  });

  it('with a value nested far too deep cut off', async () => {
    const w = new Writer();
    const deepen = (depth: number): void => {
      if (depth === 0) {
        w.string(AnyValue.string, 'core');
        return;
      }
      const list = w.open(AnyValue.array);
      const element = w.open(ListValue.values);
      deepen(depth - 1);
      w.close(element);
      w.close(list);
    };
    const attribute = w.open(Span.attributes);
    w.string(KeyValue.key, 'deep');
    const value = w.open(KeyValue.value);
    deepen(5000);
    w.close(value);
    w.close(attribute);
    using store = new Inside().keep({ trace: hex, unknown: w.finish() });
    const { body } = await store.get(`/api/traces/${hex}`);
    expect(body).toContain('deep');
    expect(body).not.toContain('core');
  });

  it('and is searched by its events, links, scope and lists', async () => {
    using store = new Inside().keepBytes(encode(everything));
    const conditions = [
      'event.exception.type = "Oops" && event:name = "exception"',
      'event:timeSinceStart = 6ns',
      'link.why =~ "ba.*" && link:spanID = "3333333333333333" && link:traceID = "ffeeddccbbaa99887766554433221100"',
      'instrumentation.a = true && instrumentation:version = "1.2"',
      'span.list = "b" && span.list = 1',
      'span.negative = -5 && span.zero = 0.0 && span.empty = "" && span.no = false',
      'resource.process.pid = 4611686018427387905 && statusMessage = "no"',
      'span.map = nil && span.bytes = nil',
      'duration > 2s && duration < 2000000003ns',
    ];
    for (const condition of conditions)
      expect(await store.search({ q: `{ ${condition} }` }), condition).toHaveLength(1);
    expect(await store.search({ q: '{ resource.process.pid = 4611686018427387904 }' })).toEqual([]);
  });
});

describe('an id', () => {
  it.each([
    '9',
    '09',
    '0000000000000009',
    '00000000000000000000000000000009',
    '0000000000000000000000000000000009'.slice(-31),
  ])('%s is padded on the left', async (id) => {
    using store = new Inside().keep({ trace: '00000000000000000000000000000009' });
    expect(await store.get(`/api/traces/${id}`)).toMatchObject({ status: 200 });
  });

  it('may be in capitals', async () => {
    using store = new Inside().keep({ trace: '000000000000000000000000000000ab' });
    expect(await store.get('/api/traces/AB')).toMatchObject({ status: 200 });
  });

  it.each([
    ['xyz', "trace IDs can only contain hex characters: invalid character 'x' at position 1"],
    ['12%20', "trace IDs can only contain hex characters: invalid character ' ' at position 3"],
    ['0'.repeat(33), "trace IDs can't be larger than 128 bits"],
  ])('%s is refused', async (id, body) => {
    using store = new Inside();
    expect(await store.get(`/api/traces/${id}`)).toMatchObject({ status: 400, body });
    expect(await store.get(`/api/v2/traces/${id}`)).toMatchObject({ status: 400, body });
  });

  it('of no trace is 404 in version 1 and an empty trace in version 2', async () => {
    using store = new Inside();
    expect(await store.get(`/api/traces/${hex}`)).toMatchObject({ status: 404, body: 'trace not found' });
    expect(await store.json(`/api/v2/traces/${hex}`)).toEqual({ trace: {}, metrics: {} });
  });
});

describe('the spans of a trace come together', () => {
  const spansOf = async (store: Inside, trace: string): Promise<object[]> => {
    type Trace = { batches: { scopeSpans: { spans: object[] }[] }[] };
    const { batches } = await store.json<Trace>(`/api/traces/${traceIdHex(trace)}`);
    return batches.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
  };

  it('a late span joins its trace, and the trace is found by what it brings', async () => {
    using store = new Inside();
    store.keep({ trace: 't', id: 'b', parent: 'a', name: 'child', startMs: start + 50, durationMs: 10 });
    expect((await store.search({ q: '{}' }))[0]).toMatchObject({ durationMs: 10 });
    store.keep({ trace: 't', id: 'a', name: 'root', service: 'web', startMs: start, durationMs: 100, status: 'ERROR' });
    const [trace, ...others] = await store.search({ q: '{ status = error && name = "root" }' });
    expect(others).toEqual([]);
    expect(trace).toMatchObject({ rootTraceName: 'root', rootServiceName: 'web', durationMs: 100 });
    expect(await spansOf(store, 't')).toMatchObject([{ name: 'child' }, { name: 'root' }]);
    expect(await store.search({ q: '{ status = error && name = "child" }' })).toEqual([]);
    expect(await store.search({ q: '{ name = "child" } && { status = error }' })).toHaveLength(1);
  });

  it('client and server that share a span id are both kept', async () => {
    using store = new Inside();
    const client = { trace: 't', id: 'same', name: 'client', kind: 3 };
    store.keep(client, { trace: 't', id: 'same', name: 'server', service: 'b' });
    expect(await spansOf(store, 't')).toMatchObject([{ name: 'client' }, { name: 'server' }]);
  });

  it('a span that was sent again in another company is there once, and counts once', async () => {
    using store = new Inside();
    const root = { trace: 't', id: 'root', name: 'first' };
    store.keep(root, { trace: 't', id: 'b', parent: 'root' });
    store.keep({ trace: 't', id: 'c', parent: 'root', service: 'other' }, { ...root, name: 'again' });
    expect((await spansOf(store, 't')).map((span) => (span as { name: string }).name)).toEqual([
      'first',
      'work',
      'work',
    ]);
    const [found] = await store.search({ q: '{ true }' });
    expect(found.spanSets?.[0].matched).toBe(3);
    expect(found.serviceStats).toMatchObject({ shop: { spanCount: 2 }, other: { spanCount: 1 } });
    expect(await store.search({ q: '{ name = "again" }' })).toEqual([]);
  });

  it('a span whose name is empty, and so left out on the wire, is found by it', async () => {
    using store = new Inside();
    store.keep({ trace: 'nameless', name: '' }, { trace: 'named', name: 'work' });
    const found = await store.search({ q: '{ name = "" }' });
    expect(found.map(({ traceID }) => traceID.padStart(32, '0'))).toEqual([traceIdHex('nameless')]);
  });

  it('the same bytes twice are stored once', async () => {
    using store = new Inside();
    for (let i = 0; i < 2; i++)
      store.keep({ trace: 't', id: 'a' }, { trace: 't', id: 'b', parent: 'a' }, { trace: 'u', id: 'c' });
    expect(await spansOf(store, 't')).toHaveLength(2);
  });

  it('traces that share a resource and a scope are cut apart, envelopes intact', async () => {
    using store = new Inside();
    store.keep(
      { trace: 't', id: 'a' },
      { trace: 'u', id: 'b' },
      { trace: 't', id: 'c' },
      { trace: 't', id: 'd', service: 'x' },
    );
    const { body } = await store.get(`/api/traces/${traceIdHex('t')}`, {}, 'application/protobuf');
    const envelope = { scope: { name: 'tests' } };
    expect(decode(body as Uint8Array)).toMatchObject({
      resourceSpans: [
        {
          resource: { attributes: [{ value: { stringValue: 'shop' } }] },
          scopeSpans: [{ ...envelope, spans: [{}, {}] }],
          schemaUrl: 'https://opentelemetry.io/schemas/1.44.0',
        },
        { resource: { attributes: [{ value: { stringValue: 'x' } }] }, scopeSpans: [{ ...envelope, spans: [{}] }] },
      ],
    });
  });

  it('fields we do not know survive', async () => {
    using store = new Inside().keep({ trace: 't', unknown: Uint8Array.from([0xfa, 0x3e, 2, 7, 8]) });
    const { body } = await store.get(`/api/traces/${traceIdHex('t')}`, {}, 'application/protobuf');
    expect(Buffer.from(body as Uint8Array).includes(Buffer.from([0xfa, 0x3e, 2, 7, 8]))).toBe(true);
  });

  it('spans without times are kept, and do not stretch the trace', async () => {
    const zero = (id: string, times: object) => ({ traceId, spanId: bytesOf(id), ...times });
    const timed = { startTimeUnixNano: time(0), endTimeUnixNano: time(5_000_000) };
    const spans = [zero('1111111111111111', {}), zero('2222222222222222', timed)];
    using store = new Inside().keepBytes(encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect(await store.search({ q: '{}', start: start / 1000, end: start / 1000 + 1 })).toMatchObject([
      { durationMs: 5 },
    ]);
  });

  it('a batch that breaks off is not stored in part', async () => {
    using store = new Inside();
    const whole = encode({ resourceSpans: [...everything.resourceSpans, ...everything.resourceSpans] });
    expect(() => store.keepBytes(whole.subarray(0, whole.length - 3))).toThrow(/malformed protobuf/);
    expect(store.stats.traces).toBe(0);
    store.keepBytes(whole);
    expect(store.stats.traces).toBe(1);
    expect(await store.json('/api/v2/search/tag/resource.service.name/values')).toMatchObject({
      tagValues: [{ value: 'лавка' }],
    });
  });
});
