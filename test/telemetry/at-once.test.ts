import { expect, it } from 'vitest';
import { oneAtATime } from '../../src/telemetry/at-once.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What is made, to be finished by hand. */
function making() {
  const runs: PromiseWithResolvers<string>[] = [];
  const ask = oneAtATime(() => {
    const run = Promise.withResolvers<string>();
    runs.push(run);
    return run.promise;
  });
  return { runs, ask };
}

it('whoever comes while an answer is made gets the next one, which was begun after he came', async () => {
  const { runs, ask } = making();
  const first = ask();
  const others = [ask(), ask(), ask()];
  await turn();
  expect(runs).toHaveLength(1);
  runs[0].resolve('first');
  expect(await first).toBe('first');
  await turn();
  expect(runs).toHaveLength(2);
  const late = ask();
  runs[1].resolve('second');
  expect(await Promise.all(others)).toEqual(['second', 'second', 'second']);
  await turn();
  runs[2].resolve('third');
  expect(await late).toBe('third');
  const after = ask();
  runs[3].resolve('fourth');
  expect(await after).toBe('fourth');
  expect(runs).toHaveLength(4);
});

it('one that fails fails those who share it, and no others', async () => {
  const { runs, ask } = making();
  const [first, second] = [ask(), ask()];
  runs[0].reject(new Error('no answer'));
  await expect(first).rejects.toThrow('no answer');
  await turn();
  runs[1].resolve('good');
  expect(await second).toBe('good');
});
