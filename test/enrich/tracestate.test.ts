import { describe, expect, it } from 'vitest';
import { weighTraceState } from '../../src/enrich/tracestate.ts';
import { emptyStamp } from '../../src/model/stamp.ts';
import { thresholdOf } from '../../src/model/threshold.ts';

const raise = (traceState: string, probability: number) => {
  const { high, low } = thresholdOf(probability);
  return weighTraceState(traceState, { ...emptyStamp(), thresholdHigh: high, thresholdLow: low });
};

describe('case 48: the threshold in a tracestate only ever rises', () => {
  it.each([
    ['a stricter verdict replaces it', 'ot=th:8', 0.1, 'ot=th:e666'],
    ['a verdict that always keeps leaves it', 'ot=th:8', 1, 'ot=th:8'],
    ['an equal one leaves it', 'ot=th:e666', 0.1, 'ot=th:e666'],
    ['an equal one with zeros behind it leaves it', 'ot=th:e6660', 0.1, 'ot=th:e6660'],
    ['a laxer verdict leaves it', 'ot=th:fd70a', 0.1, 'ot=th:fd70a'],
    ['zero is raised', 'ot=th:0', 0.01, 'ot=th:fd70a'],
    ['where there was none it is added', 'ot=rv:ee6d1a75832a2f', 0.1, 'ot=th:e666;rv:ee6d1a75832a2f'],
    ['an empty member is filled', 'ot=', 0.5, 'ot=th:8'],
    ['no tracestate at all', '', 0.5, 'ot=th:8'],
  ])('%s: %j at %d → %j', (_, before, probability, after) => {
    expect(raise(before, probability)).toBe(after);
  });
});

describe('case 48: what others wrote stays', () => {
  it.each([
    ['sub-keys and their order', 'ot=a:1;th:8;rv:ee6d1a75832a2f;z:x_y', 'ot=a:1;th:e666;rv:ee6d1a75832a2f;z:x_y'],
    ['members and their order behind ours', 'b=2,ot=th:8, a=1', 'ot=th:e666,b=2,a=1'],
    ['members where we were not', 'b=2,a=1', 'ot=th:e666,b=2,a=1'],
    ['members that only look like ours', 'not=th:8,x=ot=th:1', 'ot=th:e666,not=th:8,x=ot=th:1'],
  ])('%s: %j', (_, before, after) => {
    expect(raise(before, 0.1)).toBe(after);
  });

  it('does not move a member that did not change', () => {
    expect(raise('b=2, ot=th:f', 0.1)).toBe('b=2, ot=th:f');
  });

  it('makes room for ours among 32 by leaving out the last', () => {
    const full = Array.from({ length: 32 }, (_, i) => `k${i}=v`);
    expect(raise(full.join(','), 0.5)).toBe(['ot=th:8', ...full.slice(0, 31)].join(','));
  });
});

describe('case 48: a malformed member is left alone', () => {
  it.each([
    ['upper case', 'ot=th:E666'],
    ['no hex', 'ot=th:xyz'],
    ['no digits', 'ot=th:'],
    ['15 digits', 'ot=th:123456789012345'],
    ['short randomness', 'ot=th:8;rv:123'],
    ['a sub-key that starts with a digit', 'ot=1a:b'],
    ['a sub-key without a colon', 'ot=th:8;junk'],
    ['a character that no value may have', 'ot=a:b c'],
    ['neither sub-key nor value', 'ot=:'],
    ['a sub-key twice', 'ot=th:8;th:c'],
    ['the member twice', 'ot=th:8,ot=th:c'],
    ['more than 256 characters', `ot=a:${'x'.repeat(255)}`],
    ['no room left within 256', `ot=a:${'x'.repeat(250)}`],
  ])('%s: %j', (_, before) => {
    expect(raise(before, 0.1)).toBeNull();
  });

  it('takes 256 characters', () => {
    const value = `th:8;a:${'x'.repeat(246)}`;
    expect(raise(`ot=${value}`, 0.1)).toBe(`ot=th:e666;a:${'x'.repeat(246)}`);
  });
});

describe('a threshold that the randomness contradicts', () => {
  const id = (hex14: string) => ({
    ...emptyStamp(),
    idHigh: Number.parseInt(hex14.slice(0, 6), 16),
    idLow: Number.parseInt(hex14.slice(6), 16),
  });

  it.each([
    ['by the trace id', 'ot=th:8;a:1', '7fffffffffffff', 'ot=a:1'],
    ['and nothing is left', 'ot=th:8', '7fffffffffffff', ''],
    ['and others are', 'x=1,ot=th:8', '7fffffffffffff', 'x=1'],
    ['but not one that it just reaches', 'ot=th:8', '80000000000000', 'ot=th:8'],
    [
      'by its own randomness, whatever the id says',
      'ot=th:8;rv:7fffffffffffff',
      'ffffffffffffff',
      'ot=rv:7fffffffffffff',
    ],
    ['which may also reach it', 'ot=th:8;rv:80000000000000', '00000000000000', 'ot=th:8;rv:80000000000000'],
  ])('is erased: %s', (_, before, hex14, after) => {
    expect(weighTraceState(before, id(hex14))).toBe(after);
  });
});

describe('where luck kept a trace', () => {
  /** Half of all that is below 80 %: 60 % in all. The trace id's randomness is 0.4. */
  const stamp = {
    ...emptyStamp(),
    thresholdHigh: 0x666666,
    thresholdLow: 0x66666666,
    luckTo: 0.8,
    idHigh: 0x666666,
    idLow: 0x66666666,
    randomnessHigh: 0x999999,
    randomnessLow: 0x99999999,
  };
  const partOf = (hex: string | undefined) => Number.parseInt((hex ?? '').padEnd(14, '0'), 16) / 2 ** 56;
  const th = (traceState: string) => partOf(/th:([0-9a-f]+)/.exec(weighTraceState(traceState, stamp) ?? '')?.[1]);

  it('writes randomness that the threshold fits', () => {
    expect(weighTraceState('', stamp)).toBe('ot=th:66666666666666;rv:99999999999999');
    expect(weighTraceState('x=1', stamp)).toBe('ot=th:66666666666666;rv:99999999999999,x=1');
  });

  it('multiplies what came with what luck left of it', () => {
    expect(th('ot=th:0')).toBeCloseTo(0.4, 9);
    // Of the upper 70 %: the upper 20 % all, of the 50 % below them half.
    expect(th('ot=th:4cccccccccccc')).toBeCloseTo(1 - 0.2 - 0.25, 9);
    expect(weighTraceState('ot=th:e;rv:f0000000000000', stamp)).toBe('ot=th:e;rv:f0000000000000');
  });

  it('leaves randomness that the trace has of its own', () => {
    expect(weighTraceState('ot=rv:f0000000000000', stamp)).toBe('ot=th:66666666666666;rv:f0000000000000');
    expect(weighTraceState('ot=th:1;rv:20000000000000', { ...stamp, erasesThreshold: true })).toBe(
      'ot=rv:20000000000000',
    );
    expect(weighTraceState('', { ...stamp, erasesThreshold: true })).toBe('');
  });
});
