import { ExportRequest } from './intake.ts';

const attributes = [
  { key: 'http.route', value: { stringValue: '/api/größe/{id}' } },
  { key: 'retries', value: { intValue: '9007199254740993' } },
  { key: 'ratio', value: { doubleValue: 0.25 } },
  { key: 'cached', value: { boolValue: false } },
  { key: 'empty', value: {} },
  { key: 'raw', value: { bytesValue: '+/8=' } },
  {
    key: 'nested',
    value: {
      kvlistValue: {
        values: [{ key: 'list', value: { arrayValue: { values: [{ intValue: '-5' }, { stringValue: '' }, {}] } } }],
      },
    },
  },
];

export const traceIdHex = '5b8efff798038103d269b633813fc60c';

/** A span in OTLP/JSON with nearly every field set, in the order of their numbers, as protobufjs writes them. */
export const spanJson = (spanIdHex: string): Record<string, unknown> => ({
  traceId: traceIdHex,
  spanId: spanIdHex,
  traceState: 'ot=rv:0123456789abcd',
  parentSpanId: 'eee19b7ec3c1b173',
  name: 'GET /api/größe/{id}',
  kind: 2,
  startTimeUnixNano: '1753000000123456789',
  endTimeUnixNano: '1753000000987654321',
  attributes,
  droppedAttributesCount: 4,
  events: [{ timeUnixNano: '1753000000200000001', name: 'exception', attributes: [attributes[0]] }],
  links: [{ traceId: traceIdHex, spanId: 'eee19b7ec3c1b175', attributes: [attributes[1]], flags: 768 }],
  status: { message: 'boom', code: 2 },
  flags: 257,
});

/** An export request in OTLP/JSON. */
export const requestJson = (spans: readonly unknown[] = [spanJson('eee19b7ec3c1b174')]): Record<string, unknown> => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeSpans: [
        { scope: { name: 'lib', version: '1.2' }, spans, schemaUrl: 'https://opentelemetry.io/schemas/1.44.0' },
      ],
    },
  ],
});

/** OTLP/JSON → protobuf by protobufjs, with ids and bytes read as they are meant: the reference for our own decoder. */
export function encodeReference(json: unknown): Buffer {
  return Buffer.from(ExportRequest.encode(ExportRequest.fromObject(asBytes(json) as object)).finish());
}

const idKeys = new Set(['traceId', 'spanId', 'parentSpanId']);

function asBytes(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => asBytes(item));
  if (idKeys.has(key)) return Buffer.from(value as string, 'hex');
  if (key === 'bytesValue') return Buffer.from(value as string, 'base64');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asBytes(member, name)]));
}

/** A valid request of `spans` spans. */
export function requestOf(spans: number): Buffer {
  const one = encodeReference(requestJson());
  return Buffer.concat(Array.from({ length: spans }, () => one));
}

/** A valid request of exactly `bytes` bytes. */
export function requestOfBytes(bytes: number): Buffer {
  let name = bytes;
  for (;;) {
    const request = encodeReference(requestJson([{ ...spanJson('0000000000000001'), name: 'x'.repeat(name) }]));
    if (request.length === bytes) return request;
    name -= Math.max(1, request.length - bytes);
    if (name < 0) throw new Error(`no request of ${bytes} bytes`);
  }
}
