import { expect, it } from 'vitest';
import { encodeRequest } from '../../../src/cli/demo/encode.ts';
import { generateTrace, seeded } from '../../../src/cli/demo/generate.ts';
import type { DemoSpan } from '../../../src/cli/demo/span.ts';
import { decodeRequest, spansIn } from '../../support/otlp.ts';

const resource = { attributes: { 'service.name': 'größe' }, schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' };
const span: DemoSpan = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: 'b7ad6b7169203331',
  traceState: 'vendor=1',
  flags: 257,
  name: '商品を検索',
  kind: 2,
  startNs: 1_753_000_000_123_456_789n,
  endNs: 1_753_000_000_223_456_789n,
  attributes: { text: 'a', empty: '', whole: -7, big: 2n ** 60n, part: 0.25, yes: true, list: ['x', 'y'] },
  events: [{ name: 'exception', timeNs: 5n, attributes: { 'exception.type': 'E' } }],
  links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: '00f067aa0ba902b7' }],
  droppedAttributes: 3,
  status: { code: 2, message: 'gone' },
  service: 'größe',
  resource,
  scope: { name: 'http', version: '1.0' },
};

it('writes every field of a span as another implementation of OTLP reads it', () => {
  const { resourceSpans } = decodeRequest(encodeRequest([span]));
  expect(resourceSpans).toHaveLength(1);
  expect(resourceSpans?.[0]).toMatchObject({
    schemaUrl: resource.schemaUrl,
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'größe' } }] },
    scopeSpans: [{ scope: { name: 'http', version: '1.0' } }],
  });
  expect(resourceSpans?.[0].scopeSpans?.[0].spans?.[0]).toMatchObject({
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    traceState: 'vendor=1',
    flags: 257,
    name: '商品を検索',
    kind: 2,
    startTimeUnixNano: '1753000000123456789',
    endTimeUnixNano: '1753000000223456789',
    attributes: [
      { key: 'text', value: { stringValue: 'a' } },
      { key: 'empty', value: { stringValue: '' } },
      { key: 'whole', value: { intValue: '-7' } },
      { key: 'big', value: { intValue: String(2n ** 60n) } },
      { key: 'part', value: { doubleValue: 0.25 } },
      { key: 'yes', value: { boolValue: true } },
      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }, { stringValue: 'y' }] } } },
    ],
    events: [{ name: 'exception', timeUnixNano: '5', attributes: [{ key: 'exception.type' }] }],
    links: [{ spanId: expect.any(String) }],
    droppedAttributesCount: 3,
    status: { code: 2, message: 'gone' },
  });
});

it('groups spans by resource and scope, and loses none', () => {
  const random = seeded(5);
  const spans = Array.from({ length: 200 }, () => generateTrace(random, Date.now())).flat();
  const request = decodeRequest(encodeRequest(spans));
  const key = (it: { traceId: string; spanId: string }) => it.traceId + it.spanId;
  expect(spansIn(request).map(key).sort()).toEqual(spans.map(key).sort());
  expect(request.resourceSpans?.length).toBe(new Set(spans.map((each) => each.resource)).size);
});

it('writes an empty request for no spans', () => {
  expect(encodeRequest([])).toHaveLength(0);
});
