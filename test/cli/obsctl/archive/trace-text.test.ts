import { describe, expect, it } from 'vitest';
import { factsOf, missingIn, spanIds } from '../../../../src/cli/obsctl/archive/trace-facts.ts';
import { TraceFault, TraceText } from '../../../../src/cli/obsctl/archive/trace-text.ts';
import { decodeJson } from '../../../../src/decode/json.ts';
import { Reader } from '../../../../src/wire/reader.ts';
import type { Writer } from '../../../../src/wire/writer.ts';
import { message, oddTrace, traceId } from './odd-trace.ts';

const textOf = (wire: Uint8Array) => {
  const trace = new TraceText();
  return { text: [...trace.pieces(new Reader(wire))].join(''), notCarried: trace.notCarried };
};

describe('a trace as OTLP JSON', () => {
  it('comes back as the very bytes it was made from, with all that a span can hold', () => {
    const wire = oddTrace();
    const { text, notCarried } = textOf(wire);
    expect(Buffer.from(decodeJson(Buffer.from(text))).toString('hex')).toBe(Buffer.from(wire).toString('hex'));
    expect(notCarried).toEqual({ unknownFields: 0, mendedTexts: 0 });
  });

  it('is written as the specification has it', () => {
    const [resourceSpans] = JSON.parse(textOf(oddTrace()).text).resourceSpans;
    const [span] = resourceSpans.scopeSpans[0].spans;
    expect(span).toMatchObject({
      traceId,
      spanId: '00f067aa0ba902b7',
      kind: 2,
      startTimeUnixNano: '1795626131123456789',
      status: { code: 2, message: 'no "answer"\n' },
    });
    const values = Object.fromEntries(
      span.attributes.map(({ key, value }: { key: string; value: object }) => [key, value]),
    );
    expect(values).toMatchObject({
      largest: { intValue: '9223372036854775807' },
      smallest: { intValue: '-9223372036854775808' },
      bytes: { bytesValue: '+/8AAA==' },
      nan: { doubleValue: 'NaN' },
      infinite: { doubleValue: '-Infinity' },
      no: { boolValue: false },
      nothing: {},
      'empty text': { stringValue: '' },
      mark: { stringValue: '\ufefftext' },
    });
    expect(textOf(oddTrace()).text).toContain('{"key":"minus zero","value":{"doubleValue":-0.0}}');
  });

  it('says what it cannot carry', () => {
    const span = (w: Writer) => {
      w.bytes(1, Buffer.from(traceId, 'hex'));
      w.bytes(5, Buffer.from([0x61, 0xff]));
      w.string(900, 'of a newer version');
      w.tag(7, 0);
      w.varint(1);
    };
    const wire = message(1, (w) => w.raw(message(2, (scope) => scope.raw(message(2, span)))));
    const { text, notCarried } = textOf(wire);
    expect(JSON.parse(text).resourceSpans[0].scopeSpans[0].spans).toEqual([{ traceId, name: 'a\ufffd' }]);
    expect(notCarried).toEqual({ unknownFields: 2, mendedTexts: 1 });
  });

  it('joins a message that came in parts, and takes the last of a oneof', () => {
    const value = message(1, (w) => {
      w.string(1, 'key');
      w.raw(message(2, (any) => any.string(1, 'first')));
      w.raw(
        message(2, (any) => {
          any.tag(3, 0);
          any.int64(7n);
        }),
      );
    });
    const wire = message(1, (w) => {
      w.raw(message(1, (resource) => resource.raw(value)));
      w.raw(
        message(1, (resource) => {
          resource.tag(2, 0);
          resource.varint(3);
        }),
      );
    });
    expect(JSON.parse(textOf(wire).text)).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'key', value: { intValue: '7' } }], droppedAttributesCount: 3 },
        },
      ],
    });
  });

  it('is not written where values nest deeper than anybody reads', () => {
    let value = message(2, (w) => w.string(1, 'deep'));
    for (let i = 0; i < 200; i++) {
      const inner = value;
      value = message(2, (w) =>
        w.raw(message(5, (list) => list.raw(Buffer.concat([Buffer.from([0x0a]), inner.subarray(1)])))),
      );
    }
    const wire = message(1, (w) =>
      w.raw(message(1, (resource) => resource.raw(message(1, (pair) => pair.raw(value))))),
    );
    expect(() => textOf(wire)).toThrow(TraceFault);
  });

  it('tells what it is without being read', () => {
    expect(factsOf(oddTrace(), traceId)).toEqual({
      traceId,
      spans: 2,
      startNs: 1795626131123456789n,
      endNs: 1795626132363456789n,
      rootService: 'shop',
      rootName: 'GET /cart',
    });
    expect(spanIds(oddTrace())).toEqual({
      ids: new Set(['00f067aa0ba902b7']),
      spans: new Set(['00f067aa0ba902b7 2', '00f067aa0ba902b7 3']),
    });
  });

  it('is of one trace alone', () => {
    expect(() => factsOf(oddTrace(), 'f'.repeat(32))).toThrow(`a span of another trace, ${traceId}`);
  });

  it('is found again though Tempo shows the server under another id than the client', () => {
    const wanted = spanIds(oddTrace());
    const [client, renamed] = [oddTrace().subarray(0), Buffer.from(oddTrace())];
    expect(missingIn(client, wanted)).toBe(0);
    renamed.write('00000000000000aa', renamed.indexOf(Buffer.from('00f067aa0ba902b7', 'hex')), 'hex');
    expect(missingIn(renamed, wanted)).toBe(0);
    renamed.write('00000000000000ab', renamed.indexOf(Buffer.from('00f067aa0ba902b7', 'hex')), 'hex');
    expect(missingIn(renamed, wanted)).toBe(1);
    expect(missingIn(new Uint8Array(0), wanted)).toBe(2);
  });
});
