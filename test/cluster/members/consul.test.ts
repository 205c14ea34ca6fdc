import { afterEach, expect, it } from 'vitest';
import { ConsulMembers } from '../../../src/cluster/members/consul.ts';
import type { MembersAnswer } from '../../../src/cluster/members/consul-read.ts';

const stops: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A Consul that answers when, and what, the test says; pauses end when the test says so too. */
function scripted(random = 0) {
  const questions: { index: bigint; answer: (answer: Partial<MembersAnswer> | Error) => void }[] = [];
  const pauses: { ms: number; end: () => void }[] = [];
  const told: string[][] = [];
  const troubles: string[] = [];
  const watch = new ConsulMembers(
    (index) => {
      const { promise, resolve, reject } = Promise.withResolvers<MembersAnswer>();
      const answer = (it: Partial<MembersAnswer> | Error): void =>
        it instanceof Error ? reject(it) : resolve({ index: 1n, members: [], isFiltered: false, ...it });
      questions.push({ index, answer });
      return promise;
    },
    { waitMs: 25_000, backoffMs: 250, maxBackoffMs: 1_000, leastMs: 200 },
    { random: () => random, sleep: (ms) => new Promise<void>((end) => pauses.push({ ms, end })) },
  ).start((list) => told.push(list.map(({ name }) => name)), {
    answered: () => {},
    failed: (error) => troubles.push(error.message),
  });
  stops.push(() => watch.stop());
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  /** Answers the question under way; the pause that follows, which it ends. */
  const answer = async (it: Partial<MembersAnswer> | Error): Promise<number | undefined> => {
    questions.at(-1)?.answer(it);
    await settled();
    const pause = pauses.pop();
    pause?.end();
    await settled();
    return pause?.ms;
  };
  return { told, troubles, answer, asked: () => questions.map(({ index }) => index), watch };
}

const members = (...names: string[]) => names.map((name) => ({ name, address: `${name}:1` }));

it('asks for what is newer than what it knows, and tells what is new', async () => {
  const { told, answer, asked } = scripted();
  await answer({ index: 5n, members: members('b', 'a') });
  await answer({ index: 7n, members: members('a', 'b') });
  await answer({ index: 9n, members: members('a') });
  expect(asked()).toEqual([0n, 5n, 7n, 9n]);
  expect(told).toEqual([['a', 'b'], ['a']]);
});

it('starts anew where the index went back, and where an answer failed', async () => {
  const { answer, asked } = scripted();
  await answer({ index: 5n, members: members('a') });
  await answer({ index: 3n, members: members('a') });
  await answer({ index: 4n, members: members('a') });
  await answer(new Error('no leader'));
  await answer({ index: 0n, members: members('a') });
  expect(asked()).toEqual([0n, 5n, 0n, 4n, 0n, 1n]);
});

it('keeps the list where there is none any more, where a part is hidden and where Consul is away', async () => {
  const { told, troubles, answer } = scripted();
  await answer({ index: 5n, members: members('a', 'b') });
  await answer({ index: 6n });
  await answer({ index: 7n, members: members('a'), isFiltered: true });
  await answer(new Error('no leader'));
  expect(told).toEqual([['a', 'b']]);
  expect(troubles).toEqual([
    'no member is registered and passes, or none may be seen',
    'the token may not see every member: it needs `read` on the service and on nodes',
    'no leader',
  ]);
});

it('waits longer and longer for a Consul that is away, and a little after each answer', async () => {
  const { answer } = scripted();
  const away = new Error('away');
  expect([await answer(away), await answer(away), await answer(away), await answer(away)]).toEqual([
    125, 250, 500, 500,
  ]);
  expect([await answer({ index: 2n, members: members('a') }), await answer(away)]).toEqual([200, 125]);
});

it('tells nothing after its end', async () => {
  const { told, troubles, answer, watch } = scripted();
  await watch.stop();
  await answer({ index: 5n, members: members('a') });
  expect([told, troubles]).toEqual([[], []]);
});
