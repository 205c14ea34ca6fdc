import { describe, expect, it } from 'vitest';
import { readTrace, valueText } from '../../../src/cli/obsctl/otlp-json.ts';
import { spansOf } from '../../../src/cli/obsctl/span-view.ts';

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
const traceId = '00000000000000000123456789abcdef';

/** As Tempo writes it: version 1 of its API, ids in base64, enums by name, 64-bit integers as strings. */
const tempo = {
  batches: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
      scopeSpans: [
        {
          scope: { name: 'http' },
          spans: [
            {
              traceId: base64(traceId),
              spanId: base64('00000000000000a1'),
              parentSpanId: base64('00000000000000b2'),
              traceState: 'ot=th:8',
              name: 'GET /cart',
              kind: 'SPAN_KIND_SERVER',
              startTimeUnixNano: '1753000000123456789',
              endTimeUnixNano: '1753000000223456789',
              status: { code: 'STATUS_CODE_ERROR', message: 'gone' },
              links: [{ traceId: base64(traceId), spanId: base64('00000000000000c3') }],
            },
          ],
        },
      ],
    },
  ],
};

describe('a trace as Tempo tells it', () => {
  it('becomes OTLP JSON with hex ids and numbers for enums, times untouched', () => {
    const [envelope] = readTrace(tempo).resourceSpans;
    expect(envelope).toMatchObject({ scopeSpans: [{ scope: { name: 'http' } }] });
    expect((envelope as unknown as { scopeSpans: { spans: unknown[] }[] }).scopeSpans[0].spans).toEqual([
      {
        traceId,
        spanId: '00000000000000a1',
        parentSpanId: '00000000000000b2',
        traceState: 'ot=th:8',
        name: 'GET /cart',
        kind: 2,
        startTimeUnixNano: '1753000000123456789',
        endTimeUnixNano: '1753000000223456789',
        status: { code: 2, message: 'gone' },
        links: [{ traceId, spanId: '00000000000000c3' }],
      },
    ]);
  });

  it('is the same from version 2 of the API, and when it is OTLP JSON already', () => {
    const once = readTrace(tempo);
    expect(readTrace({ trace: { resourceSpans: tempo.batches } })).toEqual(once);
    expect(readTrace(once)).toEqual(once);
  });

  it('gives the spans to show, to the nanosecond', () => {
    const [span] = spansOf(readTrace(tempo));
    expect(span).toMatchObject({ service: 'cart', kind: 2, error: true, statusMessage: 'gone', traceState: 'ot=th:8' });
    expect([span.startNs, span.endNs]).toEqual([1753000000123456789n, 1753000000223456789n]);
  });

  it.each([[null], [[]], ['text'], [{ trace: null }], [{ trace: { resourceSpans: 7 } }], [{ batches: [null] }]])(
    'is empty when the answer is %j',
    (answer) => {
      expect(spansOf(readTrace(answer))).toEqual([]);
    },
  );

  it('survives spans that lack everything', () => {
    const [span] = spansOf(readTrace({ batches: [{ scopeSpans: [{ spans: [{}] }] }] }));
    expect(span).toMatchObject({ service: 'unknown', name: '', parentSpanId: '', startNs: 0n, error: false });
  });

  it('takes a parent of eight zero bytes for none', () => {
    const [span] = spansOf(
      readTrace({ batches: [{ scopeSpans: [{ spans: [{ parentSpanId: base64('0000000000000000') }] }] }] }),
    );
    expect(span.parentSpanId).toBe('');
  });
});

it('shows attribute values of every type', () => {
  const values = [
    { stringValue: '' },
    { intValue: '9007199254740993' },
    { doubleValue: 0.5 },
    { boolValue: false },
    { arrayValue: { values: [{ stringValue: 'a' }, { intValue: 1 }] } },
    { kvlistValue: { values: [{ key: 'k', value: { boolValue: true } }] } },
    {},
  ];
  expect(values.map(valueText)).toEqual(['', '9007199254740993', '0.5', 'false', '[a, 1]', '{k=true}', '']);
});
