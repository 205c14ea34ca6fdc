import { expect, it } from 'vitest';
import { InflateTurns } from '../../src/receive/inflate-turns.ts';

const mebibyte = 1024 * 1024;

/** Turns that come when the test says so. */
function byHand() {
  const asked: (() => void)[] = [];
  const turns = new InflateTurns((then) => asked.push(then));
  const done: string[] = [];
  const enter = (name: string, bytes: number): void => {
    const wait = turns.enter(bytes);
    if (wait === undefined) done.push(name);
    else void wait.then(() => done.push(name));
  };
  const next = async (): Promise<string[]> => {
    for (const then of asked.splice(0)) then();
    await Promise.resolve();
    return done.splice(0);
  };
  return { enter, next, done, asked };
}

it('unpacks four mebibytes a turn, and the rest in the next ones, in the order they came', async () => {
  const { enter, next, done } = byHand();
  for (let i = 0; i < 10; i++) enter(`m${i}`, mebibyte);
  expect(done.splice(0)).toEqual(['m0', 'm1', 'm2', 'm3']);
  expect(await next()).toEqual(['m4', 'm5', 'm6', 'm7']);
  enter('later', 10);
  expect(done).toEqual([]);
  expect(await next()).toEqual(['m8', 'm9', 'later']);
});

it('gives a turn of its own to what is larger than one', async () => {
  const { enter, next, done } = byHand();
  enter('small', 1);
  enter('huge', 9 * mebibyte);
  enter('next', 1);
  expect(done.splice(0)).toEqual(['small']);
  expect(await next()).toEqual(['huge']);
  expect(await next()).toEqual(['next']);
});

it('asks for no turn when there is nothing to do', async () => {
  const { enter, next, asked } = byHand();
  enter('one', 1);
  await next();
  await next();
  expect(asked).toEqual([]);
});
