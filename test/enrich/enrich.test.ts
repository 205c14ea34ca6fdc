import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRules as quickRules } from '../../src/enrich/default-rules.ts';
import { Writer } from '../../src/wire/writer.ts';
import { spanArbitrary } from './arbitrary.ts';
import {
  decodeSpan,
  encodeSpan,
  enriched,
  enrichedBytes,
  enricher,
  plain,
  ResourceSpansType,
  ResourceType,
  ScopeSpansType,
  ScopeType,
  stampOf,
  text,
} from './messages.ts';

const ids = { traceId: new Uint8Array(16).fill(7), spanId: new Uint8Array(8).fill(9) };

describe('every kept span carries its weight', () => {
  it('appends a tracestate to a span without one, and changes nothing else', () => {
    const span = encodeSpan({ ...ids, name: 'GET /', kind: 2, attributes: [text('http.route', '/')], flags: 0x101 });
    const left = enrichedBytes(enricher(), span, stampOf(0.01));
    expect(left.subarray(0, span.length)).toEqual(span);
    expect(Buffer.from(left.subarray(span.length)).toString('latin1')).toBe('\x1a\x0bot=th:fd70a');
  });

  it('writes every length of threshold as protobuf has it', () => {
    for (const probability of [1, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-5, 1e-9, 2 ** -56, 1 / 3]) {
      const left = enrichedBytes(enricher(), encodeSpan(ids), stampOf(probability));
      expect(decodeSpan(left).traceState).toMatch(/^ot=th:[0-9a-f]{1,14}$/);
    }
  });

  it('raises a threshold in its place in the message', () => {
    const span = { ...ids, traceState: 'b=2,ot=th:8;rv:ee6d1a75832a2f', name: 'x' };
    const before = encodeSpan(span);
    const left = enrichedBytes(enricher(), before, stampOf(0.1));
    expect(left).toEqual(encodeSpan({ ...span, traceState: 'ot=th:e666;rv:ee6d1a75832a2f,b=2' }));
  });

  it('leaves a stricter threshold and foreign members byte for byte', () => {
    const span = encodeSpan({ ...ids, traceState: 'b=2 , ot=th:fd70a' });
    expect(enrichedBytes(enricher(), span, stampOf(0.1))).toEqual(span);
  });

  it('leaves a malformed member byte for byte, and counts it', () => {
    const by = enricher();
    const span = encodeSpan({ ...ids, traceState: 'ot=th:XYZ' });
    expect(enrichedBytes(by, span, stampOf(0.1))).toEqual(span);
    expect(by.stats.malformedTraceStates).toBe(1);
  });

  it('counts the last of two tracestates, as protobuf does', () => {
    const twice = Buffer.concat([encodeSpan({ traceState: 'ot=th:f' }), encodeSpan({ ...ids, traceState: 'a=1' })]);
    expect(decodeSpan(enrichedBytes(enricher(), twice, stampOf(0.5))).traceState).toBe('ot=th:8,a=1');
    const emptied = Buffer.concat([encodeSpan({ traceState: 'ot=th:f' }), Buffer.from([0x1a, 0])]);
    expect(decodeSpan(enrichedBytes(enricher(), emptied, stampOf(0.5))).traceState).toBe('ot=th:8');
  });

  it('takes fields in any order, unknown fields, long tags and lengths', () => {
    const odd = Buffer.concat([
      Buffer.from([0x9a, 0x06, 0x03, 0x1a, 0x01, 0x61]), // field 99 with a field 3 of its own inside
      Buffer.from([0xf8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), // varint of 10 bytes
      Buffer.from([0xaa, 0x80, 0x00, 0x81, 0x80, 0x00, 0x61]), // name: tag of three bytes, length of three
      encodeSpan(ids),
    ]);
    const left = enrichedBytes(enricher(), odd, stampOf(0.5));
    expect(left.subarray(0, odd.length)).toEqual(new Uint8Array(odd));
    expect(decodeSpan(left)).toMatchObject({ name: 'a', traceState: 'ot=th:8' });
  });
});

describe('the marked span tells the verdict', () => {
  it('carries policy and revision', () => {
    const left = enriched(enricher(), { ...ids, attributes: [text('a', 'b')] }, stampOf(1, { policy: 'errors' }), true);
    expect(plain(left.attributes)).toEqual({ a: 'b', 'tailgate.policy': 'errors', 'tailgate.revision': 'r1' });
  });

  it('says when the trace had no root, and when the span is late', () => {
    const left = enriched(enricher(), ids, stampOf(1, { incomplete: true, late: true }), true);
    expect(plain(left.attributes)).toMatchObject({ 'tailgate.incomplete': true, 'tailgate.late': true });
  });

  it('does not remember one revision for another', () => {
    const by = enricher();
    const seen = ['r1', 'r1', 'r2', 'r1'].map((revision) =>
      plain(enriched(by, ids, stampOf(1, { revision }), true).attributes),
    );
    expect(seen.map((attributes) => attributes['tailgate.revision'])).toEqual(['r1', 'r1', 'r2', 'r1']);
  });

  it('replaces what a gateway before it said', () => {
    const earlier = [
      text('tailgate.policy', 'slow'),
      text('x', '1'),
      text('tailgate.revision', 'old'),
      { key: 'tailgate.incomplete', value: { boolValue: true } },
      text('tailgate.other', 'stays'),
    ];
    const left = enriched(enricher(), { ...ids, attributes: earlier }, stampOf(1), true);
    expect(left.attributes?.map(({ key }) => key)).toEqual([
      'x',
      'tailgate.other',
      'tailgate.policy',
      'tailgate.revision',
    ]);
    expect(plain(left.attributes)['tailgate.policy']).toBe('baseline');
  });

  it('is the only one: others keep what they came with', () => {
    const span = encodeSpan({ ...ids, traceState: 'ot=th:8', attributes: [text('tailgate.policy', 'slow')] });
    expect(enrichedBytes(enricher(), span, stampOf(1), false)).toEqual(span);
  });
});

describe('resource attributes', () => {
  const resource = (options: object, message: object | null) => {
    const bytes = message ? ResourceType.encode(ResourceType.fromObject(message)).finish() : new Uint8Array(0);
    const out = new Writer(8);
    enricher(options).resource(out, bytes, 0, bytes.length);
    const decoded = ResourceSpansType.toObject(ResourceSpansType.decode(out.finish()), { longs: Number }) as {
      resource?: { attributes?: never[]; droppedAttributesCount?: number };
    };
    return decoded.resource;
  };

  it('are added where absent, and overwritten where the operator says so', () => {
    const options = {
      resource: { cluster: 'a', zone: 'z' },
      set: { env: 'production', count: 3, ratio: 0.5, on: false },
    };
    const left = resource(options, {
      attributes: [text('env', 'test'), text('cluster', 'own'), text('service.name', 'shop')],
      droppedAttributesCount: 2,
    });
    expect(plain(left?.attributes)).toEqual({
      cluster: 'own',
      'service.name': 'shop',
      zone: 'z',
      env: 'production',
      count: 3,
      ratio: 0.5,
      on: false,
    });
    expect(left?.droppedAttributesCount).toBe(2);
  });

  it('are written where there was no resource', () => {
    expect(plain(resource({ resource: { cluster: 'a' } }, null)?.attributes)).toEqual({ cluster: 'a' });
  });

  it('leave a resource out that was not there', () => {
    expect(resource({}, null)).toBeUndefined();
  });

  it('are redacted like all others, the configured ones as well', () => {
    const left = resource({ set: { 'db.password': 'x' } }, { attributes: [text('api_key', 'k'), text('a', 'b')] });
    expect(plain(left?.attributes)).toEqual({ api_key: '****', a: 'b', 'db.password': '****' });
  });
});

describe('the scope', () => {
  const scope = (message: object | null) => {
    const bytes = message ? ScopeType.encode(ScopeType.fromObject(message)).finish() : new Uint8Array(0);
    const out = new Writer(8);
    enricher().scope(out, bytes, message ? 0 : -1, bytes.length);
    return ScopeSpansType.toObject(ScopeSpansType.decode(out.finish())).scope;
  };

  it('leaves as it came but for secrets among its attributes', () => {
    const left = scope({ name: 'lib', version: '1', attributes: [text('token', 'abc'), text('a', 'b')] });
    expect(left).toMatchObject({ name: 'lib', version: '1' });
    expect(plain(left.attributes)).toEqual({ token: '****', a: 'b' });
  });

  it('may be empty, or not be there', () => {
    expect(scope({})).toEqual({});
    expect(scope(null)).toBeUndefined();
  });
});

describe('whatever the span', () => {
  it('only the tracestate is appended where there is nothing to hide', () => {
    const by = enricher({ redact: [] });
    fc.assert(
      fc.property(spanArbitrary, fc.double({ min: 1e-9, max: 1, noNaN: true }), (span, probability) => {
        const bytes = encodeSpan({ ...span, traceState: '' });
        const left = enrichedBytes(by, bytes, stampOf(probability));
        expect(left.subarray(0, bytes.length)).toEqual(bytes);
        expect(decodeSpan(left)).toEqual({
          ...decodeSpan(bytes),
          traceState: expect.stringMatching(/^ot=th:[0-9a-f]+$/),
        });
      }),
      { numRuns: 300 },
    );
  });

  it('taking it apart and writing it again gives the same bytes where no rule matches', () => {
    const apart = enricher({ redact: [{ name: 'never', pattern: '[^\\x00-\\x{10FFFF}]' }] });
    fc.assert(
      fc.property(spanArbitrary, (span) => {
        const bytes = encodeSpan(span);
        const left = enrichedBytes(apart, bytes, stampOf(1));
        const kept = span.traceState === '' ? left.subarray(0, bytes.length) : left;
        if (span.traceState === '' || span.traceState.includes('ot=th')) expect(kept).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('the quick look finds every span in which the rules hide something', () => {
    const quick = enricher();
    const thorough = enricher({ redact: [...quickRules, { name: 'never', pattern: '[^\\x00-\\x{10FFFF}]' }] });
    fc.assert(
      fc.property(spanArbitrary, (span) => {
        const bytes = encodeSpan(span);
        expect(enrichedBytes(quick, bytes)).toEqual(enrichedBytes(thorough, bytes));
      }),
      { numRuns: 500 },
    );
    expect(quick.stats).toEqual(thorough.stats);
    expect(Object.keys(quick.stats.redactions).length).toBeGreaterThan(4);
  });
});
