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
  ...[`x=${'y'.repeat(508)}`, `x=${'y'.repeat(510)}`, `x=${'y'.repeat(511)}`, `a=1,ot=x:${'y'.repeat(255)}`],
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
  by.write(out, r, 0, stamp);
  expect(r.pos).toBe(span.pos);
  const isUnchanged = Buffer.compare(out.view(), span.view()) === 0;
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

describe('a tracestate that was weighed before is not weighed again', () => {
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

  it('unless it is longer than anybody has to carry', () => {
    for (const [bytes, isRemembered] of [
      [3, true],
      [512, true],
      [513, false],
    ] as const) {
      const by = new WeighedState();
      const state = `a=${'1'.repeat(bytes - 2)}`;
      remembered(by, state, stamps[0]);
      by.isMalformed = true; // which weighing would take back
      remembered(by, state, stamps[0]);
      expect(by.isMalformed, `${bytes} bytes`).toBe(isRemembered);
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

describe('spans that were weighed before', () => {
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
