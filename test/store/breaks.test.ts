import { expect, it } from 'vitest';
import { Breaks } from '../../src/store/breaks.ts';
import { openParts } from '../../src/store/opened.ts';
import { requestBytes } from '../support/spans.ts';
import { start, temporaryDirectory } from './fixture.ts';
import { batch, idle, open } from './open-store.ts';

it('a thread beside the path takes a break when it has worked for half a millisecond, and works on', () => {
  let now = 0;
  const slept: number[] = [];
  const sleep = (ms: number): void => {
    slept.push(now);
    now += ms;
  };
  const breaks = new Breaks({ monotonicMs: () => now }, sleep);
  for (let i = 0; i < 10; i++) {
    breaks.take();
    now += 0.125;
  }
  expect(slept).toEqual([0.5, 1.05].map((at) => expect.closeTo(at, 6)));
});

it('a request is stored with a break between any two traces, where there is time', () => {
  using home = temporaryDirectory();
  const { appender, retention, close } = openParts(`${home.path}/traces.db`, { retentionMs: 1e9, maxBytes: 1e9 });
  let breaks = 0;
  const request = requestBytes(...Array.from({ length: 20 }, (_, i) => ({ trace: `t${i}` })));
  appender.append(request, start, { take: () => void breaks++ });
  expect([breaks, retention.stats().traces]).toEqual([20, 20]);
  close();
});

it('there is no time where other requests wait', async () => {
  using home = temporaryDirectory();
  const urgent: boolean[] = [];
  const storage = { bytes: 0, limitBytes: 1e9, traces: 0, oldestAt: 0, overLimit: false };
  const ended = new Promise<string>(() => {});
  const thread = {
    ended,
    ask: async (command: object) => {
      if ('isUrgent' in command) urgent.push(command.isUrgent as boolean);
      return { storage };
    },
    question: () => ({ outcome: Promise.resolve({}), abandon: () => {} }),
    kill: async () => {},
  };
  const { store } = await open(home.path, {}, { startThread: async () => ({ thread, storage }) });
  for (const trace of ['a', 'b', 'c']) store.offer(batch({ trace }));
  await idle(store);
  store.offer(batch({ trace: 'd' }));
  await idle(store);
  expect(urgent).toEqual([false, true, false, false]);
  await store.drain(0);
});
