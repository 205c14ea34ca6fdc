import { describe, expect, it } from 'vitest';
import { graceMs, idleMs, minBytesPerSecond, Watch, type Watched } from '../../src/receive/watch.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
const begin = 1_753_000_000_000;

function request(watch: Watch, dueAt = begin + 120_000): Writable<Watched> & { ended: string[] } {
  const watched = {
    place: -1,
    touchedAt: watch.now,
    dueAt,
    bodyAt: Number.POSITIVE_INFINITY,
    bodyBytes: 0,
    ended: [] as string[],
    expire(why: string) {
      this.ended.push(why);
      watch.delete(this);
    },
    close() {
      this.ended.push('closed');
    },
  };
  watch.add(watched);
  return watched;
}

describe('the watch over requests under way', () => {
  it('ends one whose sender says nothing for 30 s, and leaves one that goes on', () => {
    const watch = new Watch(undefined, begin);
    const silent = request(watch);
    const slow = request(watch);
    watch.sweep(begin + idleMs - 1);
    slow.touchedAt = watch.now;
    watch.sweep(begin + idleMs);
    expect([silent.ended, slow.ended]).toEqual([['no data for 30 s'], []]);
    expect(watch.open).toBe(1);
  });

  it('ends one at its deadline, however busy it is', () => {
    const watch = new Watch(undefined, begin);
    const due = request(watch, begin + 500);
    watch.sweep(begin + 499);
    due.touchedAt = watch.now;
    expect(due.ended).toEqual([]);
    watch.sweep(begin + 500);
    watch.sweep(begin + 700);
    expect(due.ended).toEqual(['the request did not arrive in time']);
  });

  it('ends one whose body comes at less than 240 bytes a second, after 5 s', () => {
    const watch = new Watch(undefined, begin);
    const [slow, steady, done] = [request(watch), request(watch), request(watch)];
    slow.bodyAt = steady.bodyAt = watch.listenedMs;
    for (let second = 1; second <= 20; second++) {
      slow.bodyBytes += minBytesPerSecond - 1;
      steady.bodyBytes += minBytesPerSecond;
      for (const it of [slow, steady, done]) it.touchedAt = watch.now;
      watch.sweep(begin + second * 1000);
      expect(slow.ended.length).toBe(second < graceMs / 1000 ? 0 : 1);
    }
    expect([slow.ended, steady.ended, done.ended]).toEqual([['less than 240 bytes a second'], [], []]);
  });

  it('blames no sender for the time in which nobody listened', () => {
    const watch = new Watch(undefined, begin);
    const waiting = request(watch);
    waiting.bodyAt = watch.listenedMs;
    watch.sweep(begin + 20_000);
    expect(waiting.ended).toEqual([]);
    waiting.touchedAt = watch.now;
    for (let second = 21; second <= 24; second++) watch.sweep(begin + second * 1000);
    expect(waiting.ended).toEqual(['less than 240 bytes a second']);
  });

  it('gives back what is still held when it stops', () => {
    const watch = new Watch(undefined, begin);
    const left = request(watch);
    watch.stop();
    expect(left.ended).toEqual(['closed']);
  });

  it('lets others do their periodic work at each sweep', () => {
    const sweeps: number[] = [];
    const watch = new Watch((now) => sweeps.push(now), begin);
    watch.sweep(begin + 200);
    watch.sweep(begin + 400);
    expect(sweeps).toEqual([begin + 200, begin + 400]);
  });
});
