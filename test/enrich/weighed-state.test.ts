import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { weighed, weighTraceState } from '../../src/enrich/tracestate.ts';
import { WeighedState } from '../../src/enrich/weighed-state.ts';
import { emptyStamp, type Stamp } from '../../src/model/stamp.ts';
import { Span } from '../../src/wire/otlp.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { spanArbitrary } from './arbitrary.ts';
import { encodeSpan, enrichedBytes, enricher } from './messages.ts';

/** Each a stamp that makes something else of some tracestate below. */
const stamps: readonly Stamp[] = [
  {},
  { thresholdHigh: 0xe66666 },
  { thresholdHigh: 0xe66666, thresholdLow: 0x66666666 },
  { thresholdHigh: 0xe66666, luckTo: 0.95 },
  { thresholdHigh: 0xe66666, luckFrom: 0.5, luckTo: 0.95 },
  { thresholdHigh: 0x800000, idHigh: 0x100000 },
  { thresholdHigh: 0x800000, idHigh: 0x800000, idLow: 0 },
  { thresholdHigh: 0x800000, idHigh: 0x800000, idLow: 1 },
  { thresholdHigh: 0x800000, idHigh: 0x7fffff, idLow: 1 },
  { thresholdHigh: 0xe66666, randomnessHigh: 0xf00000 },
  { thresholdHigh: 0xe66666, randomnessHigh: 0xf00000, randomnessLow: 1 },
  { thresholdHigh: 0xe66666, erasesThreshold: true },
].map((given) => ({ ...emptyStamp(), ...given }));

const members = (count: number): string => Array.from({ length: count }, (_, n) => `m${n}=1`).join(',');

const states: readonly string[] = [
  ...[
    'a=1',
    'a=2',
    'ot=th:8',
    'ot=th:c',
    'b=2,ot=rv:6e6d1a75832a2f;th:c',
    'ot=th:c00000000000',
    'ot=th:e6666666666664',
  ],
  ...[
    'ot=th:8;rv:10000000000000',
    'ot=th:nonsense',
    'ot=th:8,ot=th:c',
    'ot=th:80000000000001',
    'ot=p:8',
    '\ufeffa=1',
    'ä=1',
    ',',
  ],
  ...['x=1,ot=th:8', 'dd=s:1;p:00f067aa0ba902b7,ot=th:8,x=1', 'ot=th:8,x=1', 'otx=1,ot=th:8', 'ot', 'ot=', 'ot=,a=1'],
  ...['a=1,ot=', ' ot=th:8', 'ot=th:8 ', 'a=1,\tot=th:8', 'a=1,,ot=th:8', 'ot=th:8,', ',ot=th:8', 'a=\x7f,ot=th:8'],
  ...['ot=th:8,b=1,ot=th:8', 'a=1,ot=th:8;rv:10000000000000,b=2', 'ot=x:1', 'a=1,ot=x:1,b=2', '=', 'a', 'ot=th:8,ot='],
  ...[29, 30, 31, 32, 33].flatMap((count) => [
    `${members(count)},ot=th:8`,
    `ot=th:8,${members(count)}`,
    members(count),
  ]),
  ...[254, 255, 256, 257].flatMap((chars) => [
    `a=1,ot=x:${'y'.repeat(chars - 2)}`,
    `ot=th:8;x:${'y'.repeat(chars - 7)},a=1`,
  ]),
  ...[120, 126, 510, 511].map((chars) => `x=${'y'.repeat(chars)}`),
];

/** What one that remembers nothing says. */
function afresh(state: string, stamp: Stamp): object {
  const after = weighTraceState(state, stamp);
  const field = after === null || after === state || after === '' ? '' : after;
  return {
    isMalformed: after === null,
    isInconsistent: after !== null && weighed.isInconsistent,
    isUnchanged: after === null || after === state,
    field,
  };
}

function remembered(by: WeighedState, state: string, stamp: Stamp, out = new Writer()): object {
  const span = new Writer();
  span.string(Span.traceState, state);
  const r = new Reader(span.buf, 1, span.pos);
  const came = span.finish();
  span.raw(Buffer.from('=th:8,')); // what stands behind is another field's
  by.write(out, r, 0, stamp);
  expect(r.pos).toBe(came.length);
  const isUnchanged = Buffer.compare(out.view(), came) === 0;
  span.buf.fill(0); // it was lent
  const { isMalformed, isInconsistent } = by;
  const left = new Reader(out.view());
  const field = isUnchanged || !left.next() ? '' : left.string();
  return { isMalformed, isInconsistent, isUnchanged, field };
}

/** A writer for which no memory is left beyond so many bytes. */
class Full extends Writer {
  override reserve(extra: number): void {
    if (this.pos + extra > 64) throw new RangeError('Array buffer allocation failed');
  }
}

describe('an ot member that was weighed before is not weighed again', () => {
  it('and comes out as one that was never seen', () => {
    const asked = fc.array(fc.tuple(fc.constantFrom(...states), fc.constantFrom(...stamps)), { minLength: 2 });
    fc.assert(
      fc.property(asked, (all) => {
        const by = new WeighedState();
        for (const [state, stamp] of all) {
          const now = { ...stamp };
          expect(remembered(by, state, now)).toEqual(afresh(state, stamp));
          Object.assign(now, emptyStamp(), { thresholdHigh: 1 }); // one stamp serves all traces
        }
      }),
      { numRuns: 500 },
    );
  });

  it('among any others', () => {
    const member = fc.oneof(
      fc.constantFrom(...states.filter((state) => state.length < 40)),
      fc.string({ maxLength: 5 }),
    );
    const state = fc.array(member, { minLength: 1, maxLength: 34 }).map((all) => all.join(','));
    const by = new WeighedState();
    fc.assert(
      fc.property(state.filter(Boolean), fc.constantFrom(...stamps), (text, stamp) => {
        expect(remembered(by, text, stamp)).toEqual(afresh(text, stamp));
      }),
      { numRuns: 3000 },
    );
  });

  it('whichever number of the stamp is another', () => {
    for (const state of states) {
      for (const first of stamps) {
        for (const second of stamps) {
          const by = new WeighedState();
          remembered(by, state, first);
          expect(remembered(by, state, second), `${state} by ${JSON.stringify(second)}`).toEqual(afresh(state, second));
        }
      }
    }
  });

  it('whatever vendors write beside it', () => {
    for (const [first, second, isRemembered] of [
      ['a=1', 'a=2', true],
      ['a=1,ot=th:8', 'ot=th:8,b=2', true],
      ['a=1,ot=th:8', 'ot=th:c,a=1', false],
      ['a=1', 'a=1,ot=th:8', false],
      ['a=1', 'a=1 ', false],
      [`a=${'1'.repeat(4096)}`, 'a=1', true],
    ] as const) {
      const by = new WeighedState();
      remembered(by, first, stamps[0]);
      by.isMalformed = true; // which weighing would take back
      remembered(by, second, stamps[0]);
      expect(by.isMalformed, `${first} and ${second}`).toBe(isRemembered);
    }
  });

  it('and is not mistaken for one for which no memory was left', () => {
    const [, stamp] = stamps;
    for (const state of states.filter((text) => text.length < 16)) {
      const by = new WeighedState();
      const first = remembered(by, state, stamp);
      expect(() => remembered(by, `ot=th:8,a=${'1'.repeat(4096)}`, stamp, new Full(64))).toThrow(RangeError);
      expect(remembered(by, state, stamp)).toEqual(first);
    }
  });

  it('and each span counts, as it would alone', () => {
    const by = enricher();
    for (let n = 1; n <= 3; n++) {
      enrichedBytes(by, encodeSpan({ traceState: 'ot=th:XYZ' }), stamps[1]);
      enrichedBytes(by, encodeSpan({ traceState: 'ot=th:8;rv:10000000000000' }), stamps[1]);
      enrichedBytes(by, encodeSpan({ traceState: 'ot=th:8;rv:10000000000000' }), stamps[1]);
      expect(by.stats).toMatchObject({ malformedTraceStates: n, inconsistentTraceStates: 2 * n });
    }
  });
});

describe('spans that came with a tracestate', () => {
  it('leave the same whoever went before them', () => {
    const one = fc.tuple(spanArbitrary, fc.constantFrom(...states, ''), fc.constantFrom(...stamps), fc.boolean());
    fc.assert(
      fc.property(fc.array(one, { minLength: 2, maxLength: 8 }), (all) => {
        const by = enricher();
        for (const [span, traceState, stamp, marked] of all) {
          const bytes = encodeSpan({ ...span, traceState });
          expect(enrichedBytes(by, bytes, stamp, marked)).toEqual(enrichedBytes(enricher(), bytes, stamp, marked));
        }
      }),
    );
  });

  it('leave around their tracestate as they came, wherever it stands', () => {
    const parts = ['', 'ot=th:8', 'a=1'].map((traceState) => encodeSpan({ traceState, name: 'n', flags: 0x101 }));
    const weighedPart = encodeSpan({ traceState: 'ot=th:e66666', name: 'n', flags: 0x101 });
    const [bare, first] = parts;
    for (const before of [[], [bare], [bare, first]]) {
      for (const behind of [[], [bare]]) {
        const left = enrichedBytes(enricher(), Buffer.concat([...before, first, ...behind]), stamps[1]);
        expect(left).toEqual(new Uint8Array(Buffer.concat([...before, weighedPart, ...behind])));
      }
    }
  });
});
