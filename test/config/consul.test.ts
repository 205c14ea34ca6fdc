import { describe, expect, it } from 'vitest';
import { type ConsulAnswer, ConsulSource } from '../../src/config/consul.ts';
import { nextIndex } from '../../src/consul/blocking-query.ts';

/** A read or a pause that the source has begun, for the test to end. */
interface Begun<T> {
  readonly index?: bigint;
  readonly waitMs?: number;
  readonly ms?: number;
  readonly signal: AbortSignal;
  done(value: T): void;
  fail(error: Error): void;
}

/** Consul and the clock, turned by hand. */
function world(random = 1) {
  const reads: Begun<ConsulAnswer>[] = [];
  const pauses: Begun<void>[] = [];
  const heard: string[] = [];
  const clock = { ms: 0 };
  const begin = <T>(list: Begun<T>[], signal: AbortSignal, what: object) =>
    new Promise<T>((done, fail) => {
      list.push({ ...what, signal, done, fail });
      signal.addEventListener('abort', () => fail(new Error('aborted')));
    });
  const source = new ConsulSource(
    'p/home',
    (index, waitMs, signal) => begin(reads, signal, { index, waitMs }),
    { waitMs: 25_000, backoffMs: 250, maxBackoffMs: 30_000, burst: 4, refillMs: 500 },
    { now: () => clock.ms, random: () => random, sleep: (ms, signal) => begin(pauses, signal, { ms }) },
  );
  source.start({
    changed: ({ index, entries }) => heard.push(`changed ${index}: ${entries.map(({ key }) => key)}`),
    answered: () => heard.push('answered'),
    failed: (error) => heard.push(`failed: ${error.message}`),
  });
  return {
    source,
    heard,
    clock,
    /** The read or pause that runs now, after everything pending had its turn. */
    read: () => settle().then(() => reads.at(-1)!),
    pause: () => settle().then(() => pauses.at(-1)!),
    reads,
    pauses,
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const answer = (index: bigint, ...keys: string[]): ConsulAnswer => ({
  index,
  entries: keys.map((key) => ({ key, value: 'x' })),
  filtered: false,
});

describe('watching a Consul folder', () => {
  it('asks at once, then for what is newer', async () => {
    const { read, heard } = world();
    expect((await read()).index).toBe(0n);
    (await read()).done(answer(7n, 'routes'));
    expect((await read()).index).toBe(7n);
    (await read()).done(answer(9n, 'routes', 'debug'));
    expect((await read()).index).toBe(9n);
    expect(heard).toEqual(['answered', 'changed 7: routes', 'answered', 'changed 9: routes,debug']);
  });

  it('tells nothing when a wait ends, or the index moves, and the keys are the same', async () => {
    const { read, heard } = world();
    for (const index of [7n, 7n, 8n]) (await read()).done(answer(index, 'routes'));
    await read();
    expect(heard).toEqual(['answered', 'changed 7: routes', 'answered', 'answered']);
  });

  it('tells when keys go', async () => {
    const { read, heard } = world();
    (await read()).done(answer(7n, 'routes'));
    (await read()).done(answer(8n));
    await read();
    expect(heard.at(-1)).toBe('changed 8: ');
  });

  it('asks anew each second while the token may not see all, so that its rights are noticed when it gets them', async () => {
    const { read } = world();
    expect((await read()).waitMs).toBe(25_000);
    (await read()).done({ ...answer(7n), filtered: true });
    expect(await read()).toMatchObject({ index: 7n, waitMs: 1_000 });
    (await read()).done(answer(7n, 'routes'));
    expect(await read()).toMatchObject({ index: 7n, waitMs: 25_000 });
  });

  it('starts anew when the index goes back: Consul was restored', async () => {
    const { read } = world();
    (await read()).done(answer(100n, 'routes'));
    (await read()).done(answer(5n, 'routes'));
    expect((await read()).index).toBe(0n);
  });

  it('never asks with index 0 again and again', () => {
    expect(nextIndex(0n, 0n)).toBe(1n);
    expect(nextIndex(0n, 1n)).toBe(1n);
    expect(nextIndex(7n, 0n)).toBe(0n);
    expect(nextIndex(7n, 7n)).toBe(7n);
  });

  it('is slowed down where answers come without end, yet asks twice a second', async () => {
    const { read, reads, pauses, pause, clock } = world();
    for (let index = 1n; index <= 4n; index++) (await read()).done(answer(index, 'routes'));
    expect((await pause()).ms).toBe(500);
    expect(reads).toHaveLength(4);
    clock.ms += 500;
    pauses.at(-1)!.done();
    expect((await read()).index).toBe(4n);
    (await read()).done(answer(5n, 'routes'));
    expect((await pause()).ms).toBe(500);
    expect(pauses).toHaveLength(2);
  });

  it('is not slowed down after a quiet time', async () => {
    const { read, pauses, clock } = world();
    for (let index = 1n; index <= 10n; index++) {
      clock.ms += 25_000;
      (await read()).done(answer(index, 'routes'));
    }
    await read();
    expect(pauses).toHaveLength(0);
  });
});

describe('a Consul that fails', () => {
  it('is asked again for ever, ever more rarely, from index 0', async () => {
    const { read, pause, clock, heard } = world();
    (await read()).done(answer(7n, 'routes'));
    const waits: number[] = [];
    for (let attempt = 0; attempt < 40; attempt++) {
      clock.ms += 60_000;
      (await read()).fail(new Error('403'));
      waits.push((await pause()).ms!);
      (await pause()).done();
      expect((await read()).index).toBe(0n);
    }
    expect(waits.slice(0, 9)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(waits.at(-1)).toBe(30_000);
    expect(heard.filter((each) => each === 'failed: 403')).toHaveLength(40);
  });

  it('is asked by different gateways at different times', async () => {
    const { read, pause } = world(0);
    (await read()).fail(new Error('500'));
    expect((await pause()).ms).toBe(125);
  });

  it('that answers again is asked without a pause, and tells only what is new', async () => {
    const { read, pause, clock, heard } = world();
    (await read()).done(answer(7n, 'routes'));
    for (let attempt = 0; attempt < 3; attempt++) {
      clock.ms += 60_000;
      (await read()).fail(new Error('down'));
      (await pause()).done();
    }
    (await read()).done(answer(3n, 'routes'));
    expect((await read()).index).toBe(3n);
    expect(heard.slice(-2)).toEqual(['failed: down', 'answered']);
    (await read()).fail(new Error('down'));
    expect((await pause()).ms).toBe(250);
  });
});

describe('from outside', () => {
  it('a refresh ends the wait and asks at once', async () => {
    const { source, read } = world();
    (await read()).done(answer(7n, 'routes'));
    const waiting = await read();
    source.refresh();
    expect((await read()).index).toBe(0n);
    expect(waiting.signal.aborted).toBe(true);
  });

  it('a refresh ends a pause as well', async () => {
    const { source, read, reads, pause } = world();
    (await read()).fail(new Error('down'));
    await pause();
    source.refresh();
    await read();
    expect(reads).toHaveLength(2);
  });

  it('a stop is the end', async () => {
    const { source, read, reads, heard } = world();
    const last = await read();
    source.stop();
    last.done(answer(7n, 'routes'));
    await settle();
    expect(last.signal.aborted).toBe(true);
    expect(reads).toHaveLength(1);
    expect(heard).toEqual([]);
  });
});
