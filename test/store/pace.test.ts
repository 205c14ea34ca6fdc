import { describe, expect, it } from 'vitest';
import { Pace, Turns } from '../../src/store/pace.ts';
import { WriterThread } from '../../src/store/writer-thread.ts';
import { temporaryDirectory } from './fixture.ts';
import { batch, close, idle, limits, open } from './open-store.ts';

describe('questions in the thread of the store', () => {
  it('take turns, and the thread has one of its own after each step', async () => {
    const turns = new Turns();
    const steps: string[] = [];
    let isOver = false;
    const others = (): void => {
      steps.push('.');
      if (!isOver) setImmediate(others);
    };
    const ask = async (name: string) => {
      const pace = new Pace(turns);
      for (let i = 0; i < 3; i++) {
        await pace.next();
        steps.push(name);
      }
    };
    const asked = ['a', 'b', 'c'].map(ask);
    others();
    await Promise.all(asked);
    isOver = true;
    expect(steps.join('').replaceAll('.', '')).toBe('abcabcabc');
    expect(steps.join('')).not.toMatch(/[abc]{2}/);
  });

  it('end at their next step when they are abandoned', async () => {
    const pace = new Pace(new Turns());
    await pace.next();
    pace.isAbandoned = true;
    await expect(pace.next()).rejects.toThrow('nobody waits for the answer');
  });
});

describe('a search that reads everything', () => {
  const everything = { path: '/api/search', query: '?q=%7B%20span.nothing%20!%3D%20%22x%22%20%7D', accept: '' };

  async function filled(directory: string): Promise<void> {
    const { store } = await open(directory);
    for (let i = 0; i < 20; i++)
      store.offer(batch(...Array.from({ length: 400 }, (_, span) => ({ trace: `${i}-${span >> 2}`, id: `${span}` }))));
    await idle(store);
    await close(store);
  }

  it('ends when it is abandoned, and nothing else does', async () => {
    using home = temporaryDirectory();
    await filled(home.path);
    const { thread } = await WriterThread.start({ ...limits, directory: home.path }, () => {});
    const [first, second] = [thread.question(everything), thread.question(everything)];
    first.abandon();
    await expect(first.outcome).rejects.toThrow('nobody waits for the answer');
    const { answer } = await second.outcome;
    expect(JSON.parse(Buffer.from(answer!.body as Uint8Array).toString())).toMatchObject({
      metrics: { inspectedTraces: 2000 },
    });
    first.abandon();
    second.abandon();
    await thread.ask({ type: 'close' });
  });

  it('lets writes through, however many there are', async () => {
    using home = temporaryDirectory();
    await filled(home.path);
    const { store } = await open(home.path);
    let answered = 0;
    const searches = Array.from({ length: 12 }, () => store.read.answer(everything).then(() => answered++));
    for (let i = 0; i < 5; i++) store.offer(batch({ trace: `new ${i}` }));
    await idle(store);
    expect(store.stats.exportedSpans).toBe(5);
    // One write between two steps of 15 ms; the searches take seconds together.
    expect(answered).toBeLessThan(6);
    await Promise.all(searches);
    await close(store);
  });
});
