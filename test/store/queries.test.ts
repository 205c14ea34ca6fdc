import { describe, expect, it } from 'vitest';
import type { TempoAnswer, TempoRequest } from '../../src/store/messages.ts';
import { Queries, type QueryLimits } from '../../src/store/queries.ts';

const limits: QueryLimits = { maxRunning: 2, maxWaiting: 3, timeoutMs: 60_000, maxUnreadBytes: 100 };
const question = (path: string): TempoRequest => ({ path, query: '', accept: '' });
const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Running {
  readonly path: string;
  isAbandoned: boolean;
  answer(text: string): void;
  fail(error: Error): void;
}

/** Questions to a thread that answers when it is told to. */
function withThread(changed: Partial<QueryLimits> = {}) {
  const running: Running[] = [];
  const queries = new Queries(
    ({ path }) => {
      const { promise, resolve, reject } = Promise.withResolvers<TempoAnswer>();
      const one: Running = {
        path,
        isAbandoned: false,
        answer: (body) => resolve({ status: 200, headers: {}, body }),
        fail: reject,
      };
      running.push(one);
      return { answer: promise, abandon: () => (one.isAbandoned = true) };
    },
    { ...limits, ...changed },
  );
  return { running, queries, paths: () => running.map(({ path }) => path) };
}

describe('questions to the store', () => {
  it('run a few at a time, the others in the order they came, and what is too many is told to come again', async () => {
    const { queries, running, paths } = withThread();
    const answers = ['a', 'b', 'c', 'd', 'e'].map((path) => queries.answer(question(path)));
    expect(await queries.answer(question('f'))).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(paths()).toEqual(['a', 'b']);
    running[1].answer('B');
    await answers[1];
    await turn();
    expect(paths()).toEqual(['a', 'b', 'c']);
    for (const i of [0, 2, 3, 4]) {
      await turn();
      running[i].answer(running[i].path.toUpperCase());
    }
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['A', 'B', 'C', 'D', 'E']);
    await turn();
    const more = ['g', 'h'].map((path) => queries.answer(question(path)));
    expect(paths().slice(5)).toEqual(['g', 'h']);
    for (const { answer } of running.slice(5)) answer('');
    await Promise.all(more);
  });

  it('are abandoned where the asker is gone; their place is free when the thread is done with them', async () => {
    const { queries, running, paths } = withThread();
    const askers = Array.from({ length: 4 }, () => new AbortController());
    const answers = askers.map(({ signal }, i) => queries.answer(question(`q${i}`), signal));
    askers[0].abort();
    askers[2].abort();
    expect(await answers[0]).toMatchObject({ status: 499 });
    expect(await answers[2]).toMatchObject({ status: 499 });
    expect(running.map(({ isAbandoned }) => isAbandoned)).toEqual([true, false]);
    expect(paths()).toEqual(['q0', 'q1']);
    running[0].fail(new Error('nobody waits'));
    await turn();
    expect(paths()).toEqual(['q0', 'q1', 'q3']);
    running[1].answer('1');
    running[2].answer('3');
    expect((await Promise.all([answers[1], answers[3]])).map(({ body }) => body)).toEqual(['1', '3']);
  });

  it('of an asker that was gone before do not run', async () => {
    const { queries, running } = withThread({ maxRunning: 1 });
    const first = queries.answer(question('a'));
    expect(await queries.answer(question('b'), AbortSignal.abort())).toMatchObject({ status: 499 });
    running[0].answer('A');
    await first;
    await turn();
    expect(running).toHaveLength(1);
  });

  it('have their time, wherever they spend it', async () => {
    const { queries, running } = withThread({ maxRunning: 1, timeoutMs: 30 });
    const answers = await Promise.all([queries.answer(question('a')), queries.answer(question('b'))]);
    expect(answers.map(({ status }) => status)).toEqual([504, 504]);
    expect(answers[0].body).toContain('no answer after 0.03 s: ask for a shorter time');
    expect(running.map(({ path, isAbandoned }) => [path, isAbandoned])).toEqual([['a', true]]);
    running[0].fail(new Error('nobody waits'));
    await turn();
    const next = queries.answer(question('c'));
    running[1].answer('C');
    expect((await next).body).toBe('C');
  });

  it('wait while answers lie about that nobody has read', async () => {
    const { queries, running } = withThread();
    const reader = new AbortController();
    const large = queries.answer(question('large'), reader.signal);
    running[0].answer('x'.repeat(101));
    await large;
    expect(await queries.answer(question('next'))).toMatchObject({ status: 429 });
    reader.abort();
    const next = queries.answer(question('next'));
    running[1].answer('N');
    expect((await next).body).toBe('N');
  });

  it('free their place where the store cannot be asked', async () => {
    const { queries, running } = withThread({ maxRunning: 1 });
    const [first, second] = [queries.answer(question('a')), queries.answer(question('b'))];
    running[0].fail(new Error('it died'));
    await expect(first).rejects.toThrow('it died');
    await turn();
    running[1].answer('B');
    expect((await second).body).toBe('B');
  });
});
