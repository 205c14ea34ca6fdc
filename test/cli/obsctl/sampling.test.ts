import { expect, it } from 'vitest';
import { weightOf, weightText } from '../../../src/cli/obsctl/sampling.ts';

it.each([
  ['ot=th:0', 1],
  ['ot=th:8', 2],
  ['ot=th:c', 4],
  ['vendor=a:b,ot=rv:0123456789abcd;th:8,other=1', 2],
  [' ot=th:ffffffffffffff', 2 ** 56],
])('reads the weight of %j', (traceState, weight) => {
  expect(weightOf(traceState)).toBe(weight);
});

it.each(['', 'ot=rv:0123456789abcd', 'ot=th:xyz', 'ot=th:', 'th:8', 'ot=th:123456789abcdef', 'hot=th:8'])(
  'finds no weight in %j',
  (traceState) => {
    expect(weightOf(traceState)).toBeUndefined();
  },
);

it('tells weights shortly', () => {
  expect([1, 20, 14.2857, 99.99, 1234.5].map(weightText)).toEqual(['1', '20', '14.3', '100', '1235']);
});
