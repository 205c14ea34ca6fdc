import { describe, expect, it } from 'vitest';
import { raiseThreshold } from '../../src/enrich/tracestate.ts';
import { thresholdOf } from '../../src/model/threshold.ts';

const raise = (traceState: string, probability: number) => {
  const { high, low } = thresholdOf(probability);
  return raiseThreshold(traceState, high, low);
};

describe('case 48: the threshold in a tracestate only ever rises', () => {
  it.each([
    ['a stricter verdict replaces it', 'ot=th:8', 0.1, 'ot=th:e666'],
    ['a verdict that always keeps leaves it', 'ot=th:8', 1, 'ot=th:8'],
    ['an equal one leaves it', 'ot=th:e666', 0.1, 'ot=th:e666'],
    ['an equal one with zeros behind it leaves it', 'ot=th:e6660', 0.1, 'ot=th:e6660'],
    ['a laxer verdict leaves it', 'ot=th:fd70a', 0.1, 'ot=th:fd70a'],
    ['zero is raised', 'ot=th:0', 0.01, 'ot=th:fd70a'],
    ['where there was none it is added', 'ot=rv:6e6d1a75832a2f', 0.1, 'ot=th:e666;rv:6e6d1a75832a2f'],
    ['an empty member is filled', 'ot=', 0.5, 'ot=th:8'],
    ['no tracestate at all', '', 0.5, 'ot=th:8'],
  ])('%s: %j at %d → %j', (_, before, probability, after) => {
    expect(raise(before, probability)).toBe(after);
  });
});

describe('case 48: what others wrote stays', () => {
  it.each([
    ['sub-keys and their order', 'ot=a:1;th:8;rv:6e6d1a75832a2f;z:x_y', 'ot=a:1;th:e666;rv:6e6d1a75832a2f;z:x_y'],
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
