import { expect, it } from 'vitest';
import { largestShare } from '../../../../src/cli/obsctl/rules/largest-share.ts';

const found = async (mostBytes: number, others = 0) => {
  let questions = 0;
  const share = await largestShare(mostBytes, async (percent) => {
    questions++;
    return others + percent * 1000;
  });
  expect(questions).toBeLessThan(11);
  return share;
};

it('is the largest of two digits that comes to no more, however small that is', async () => {
  expect(await found(100_000)).toBe(100);
  expect(await found(99_999)).toBe(99);
  expect(await found(12_345)).toBe(12);
  expect(await found(999)).toBe(0.99);
  expect(await found(300)).toBe(0.3);
  expect(await found(2.5)).toBe(0.0025);
  expect(await found(1)).toBe(0.001);
});

it('is none where what else is kept is too much already', async () => {
  expect(await found(1000, 1001)).toBe(0);
  expect(await found(1330, 1000)).toBe(0.33);
});
