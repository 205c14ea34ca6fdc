import { seeded } from '../../../src/cli/demo/generate.ts';
import type { AnyValue, KeyValue, RequestObject, SpanObject } from '../../support/otlp.ts';

type Plain = string | number | bigint | boolean | Uint8Array | readonly Plain[] | { readonly double: number };

function anyValue(value: Plain): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { doubleValue: (value as { double: number }).double };
}

export const attributes = (plain: Readonly<Record<string, Plain>>): KeyValue[] =>
  Object.entries(plain).map(([key, value]) => ({ key, value: anyValue(value) }));

/** Longer than a line, and with what regular expressions stumble over. */
const sql = [
  'SELECT *\nFROM orders\nWHERE id = 7',
  'select 1',
  'INSERT INTO a\r\nVALUES (1)',
  'SELECT [a] FROM "b\\c"',
];
const texts = [
  '',
  ' ',
  'a',
  'A',
  'ab',
  'a.b',
  'ÄÖ',
  'äö',
  '𝔘nicode',
  '🎉',
  '🎉🎉',
  'a\nb',
  'a\\b',
  '"q"',
  'ſ',
  'K',
  '日本語',
];
const numbers: Plain[] = [
  0,
  -1,
  1,
  2,
  3,
  1.5,
  -1.5,
  { double: 2 },
  { double: 0 },
  9_007_199_254_740_993n,
  1e21,
  404,
  '404',
];
const arrays: Plain[] = [['a', 'b'], ['a'], [], [1, 2, 3], [1.5, 2.5], [true, false], ['b', 'c'], ['x', 1], [404]];

const startMs = 1_790_000_000_000;

/**
 * What senders may send and few do: empty names and values, numbers at the edges, arrays, bytes, events and links, spans
 * without a parent in sight, deep and wide trees. Always the same.
 */
export function awkwardRequest(): RequestObject {
  const random = seeded(15);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)];
  const hex = (bytes: number): string =>
    Array.from({ length: bytes * 2 }, () => pick([...'0123456789abcdef'])).join('');
  const resourceSpans: NonNullable<RequestObject['resourceSpans']> = [];

  function oddSpan(traceId: string, parentSpanId: string, i: number, atNs: bigint): SpanObject {
    const start = atNs + BigInt(i) * 1_000_000n;
    const length = pick([0n, 1n, 999n, 1_500_000n, 20_000_000n, 2_000_000_000n]);
    const event = (): object => ({
      name: pick(['', 'exception', 'retry', 'a\nb', '🎉']),
      timeUnixNano: String(start + pick([0n, 1n, 50_000_000n])),
      attributes: attributes({ 'exception.type': pick(['io', 'Ärger', '']), n: pick(numbers) }),
    });
    const link = (): object => ({
      traceId: Buffer.from(hex(16), 'hex').toString('base64'),
      spanId: Buffer.from(hex(8), 'hex').toString('base64'),
      attributes: attributes({ why: pick(['batch', '', 'retry']) }),
    });
    return {
      traceId,
      spanId: hex(8),
      parentSpanId,
      name: pick(['', 'GET /', 'POST /a', 'db', '🎉', 'a\nb', 'GET /Ä', 'index']),
      kind: pick([0, 1, 2, 3, 4, 5]),
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + length),
      attributes: attributes({
        text: pick(texts),
        number: pick(numbers),
        ...(random() < 0.4 && { 'db.statement': pick(sql) }),
        ...(random() < 0.4 && { list: pick(arrays) }),
        ...(random() < 0.3 && { flag: random() < 0.5 }),
        ...(random() < 0.2 && { bytes: Uint8Array.of(1, 2, 255) }),
        ...(random() < 0.3 && { 'http.status_code': pick<Plain>([200, 404, 500, '500', 200.5]) }),
        ...(random() < 0.3 && { 'http.method': pick(['GET', 'POST', '']) }),
        ...(random() < 0.2 && { 'a key': pick(texts), 'k"q': 'quoted', 'service.name': 'of the span' }),
      }),
      events: random() < 0.4 ? Array.from({ length: 1 + Math.floor(random() * 3) }, event) : [],
      links: random() < 0.3 ? Array.from({ length: 1 + Math.floor(random() * 2) }, link) : [],
      status: { code: pick([0, 0, 1, 2]), message: pick(['', 'context canceled', 'a\nb']) },
    } as SpanObject;
  }

  for (let trace = 0; trace < 60; trace++) {
    const traceId = trace % 20 === 0 ? '0'.repeat(16) + hex(8) : hex(16);
    const atNs = BigInt(startMs + trace * 1000) * 1_000_000n;
    const size = 1 + Math.floor(random() * 14);
    const ids: string[] = [];
    const shape = pick(['tree', 'chain', 'star', 'rootless', 'two roots']);
    let left = size;
    while (left > 0) {
      const together = Math.min(left, 1 + Math.floor(random() * 4));
      const spans: SpanObject[] = [];
      for (let n = 0; n < together; n++) {
        const i = ids.length;
        const isRoot = i === 0 || (shape === 'two roots' && i === 1);
        const parent = shape === 'chain' ? ids.at(-1) : shape === 'star' ? ids[0] : pick(ids);
        const span = oddSpan(traceId, isRoot ? (shape === 'rootless' ? hex(8) : '') : parent!, i, atNs);
        ids.push(span.spanId);
        spans.push(span);
      }
      left -= together;
      resourceSpans.push({
        resource: {
          attributes: attributes({
            ...(random() < 0.9 && { 'service.name': pick(['web', 'pay', '', '倉庫']) }),
            ...(random() < 0.4 && { 'k8s.cluster.name': 'one', cluster: 'two', version: pick(numbers) }),
            ...(random() < 0.3 && { text: pick(texts) }),
          }),
        },
        scopeSpans: [
          {
            scope: {
              name: pick(['', 'lib', 'lib/ä']),
              version: pick(['', '1.0']),
              ...({ attributes: attributes(random() < 0.5 ? { lang: pick(['go', 'js', '']) } : {}) } as object),
            },
            spans,
          },
        ],
      });
    }
  }
  return { resourceSpans };
}
