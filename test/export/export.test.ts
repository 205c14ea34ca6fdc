import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import type { Answer, Payload } from '../../src/export/answer.ts';
import { createOtlpExporter, openOtlpExporter } from '../../src/export/export.ts';
import type { ExportFailure } from '../../src/model/export-request.ts';
import type { TenantPart } from '../../src/model/tenant.ts';
import {
  accepted,
  bytesOf,
  configOf,
  ExportHandClock,
  FakeClient,
  failedIn,
  never,
  partial,
  refused,
  rejected,
  requestOf,
  settle,
  spansOf,
  sumOf,
  tooLarge,
  unavailable,
  unreadable,
} from './fakes.ts';

type Answers = (payload: Payload, attempt: number) => Answer | Promise<Answer>;

function start(
  answers: Answers,
  overrides: Parameters<typeof configOf>[0] = {},
  consumers = 4,
  tenants?: readonly TenantPart[],
) {
  const clock = new ExportHandClock();
  const client = new FakeClient(clock, answers);
  const errors: string[] = [];
  const failures: ExportFailure[] = [];
  const reports = {
    onError: (message: string) => errors.push(message),
    onFailure: (f: ExportFailure) => failures.push(f),
  };
  const exporter = createOtlpExporter(configOf(overrides), client, {
    ...{ clock, consumers, ...reports },
    ...(tenants && { tenants }),
  });
  return { clock, client, exporter, stats: exporter.stats, errors, failures };
}

describe('the bytes of a request', () => {
  const offered = (answers: Answers, overrides: Parameters<typeof configOf>[0] = {}, request = spansOf(3)) => {
    const story = start(answers, overrides, 1);
    let done = 0;
    story.exporter.offer(request, () => done++);
    return { ...story, done: () => done };
  };

  it.each(['none', 'gzip'] as const)('may be used again when it has arrived, not before (%s)', async (compression) => {
    const answer = Promise.withResolvers<Answer>();
    const { clock, client, done } = offered(() => answer.promise, { compression });
    while (client.underWay === 0) await settle();
    expect(done()).toBe(0);
    answer.resolve(accepted);
    await clock.turn(0);
    expect(done()).toBe(1);
  });

  it('may be used again after a retry that was answered, and after a refusal', async () => {
    const retried = offered((_, attempt) => (attempt === 1 ? unavailable() : accepted));
    await retried.clock.turn(600_000);
    const refused = offered(() => rejected);
    await refused.clock.turn(0);
    expect([retried.done(), refused.done()]).toEqual([1, 1]);
  });

  it('may not while an attempt that was given up may still look at it', async () => {
    const { clock, client, done, stats } = offered((_, attempt) => (attempt === 1 ? never : accepted));
    await clock.turn(600_000);
    expect(client.sent).toHaveLength(2);
    expect(stats.exportedSpans).toBe(3);
    expect(done()).toBe(0);
  });

  it('may at once where it is not taken: the queue is full, or shut down', async () => {
    const { exporter, clock } = offered(() => never, { maxBytes: 1000 }, bytesOf(900));
    let done = 0;
    exporter.offer(bytesOf(200), () => done++);
    expect(done).toBe(1);
    const drained = exporter.drain(clock.monotonic);
    exporter.offer(bytesOf(1), () => done++);
    expect(done).toBe(2);
    await clock.turn(0);
    await drained;
  });

  it('may after both halves of one that was too large', async () => {
    const whole = spansOf(8);
    const { clock, done, stats } = offered(({ bytes }) => (bytes === whole.body ? tooLarge : accepted), {}, whole);
    await clock.turn(0);
    expect(stats.exportedSpans).toBe(8);
    expect(done()).toBe(1);
  });
});

describe('an answer that is final', () => {
  it('books what was taken as exported', async () => {
    const { exporter, stats, client, clock } = start(() => accepted);
    exporter.offer(spansOf(7));
    expect(stats).toMatchObject({ queuedSpans: 7, queuedBytes: spansOf(7).body.length });
    await clock.turn(0);
    expect(stats).toMatchObject({ exportedSpans: 7, exportedRequests: 1, queuedSpans: 0, queuedBytes: 0, retries: 0 });
    expect(stats).toMatchObject({ lastSuccessAt: clock.unix, lastError: '', lastErrorAt: 0 });
    expect(client.sent).toHaveLength(1);
    expect(client.sent[0].payload.bytes).toEqual(spansOf(7).body);
  });

  it('gives up what is refused for good, with the reason the server gave', async () => {
    const { exporter, stats, clock, client, errors, failures } = start(() => rejected);
    exporter.offer(spansOf(3));
    await clock.turn(600_000);
    expect(client.sent).toHaveLength(1);
    expect(stats).toMatchObject({ exportedSpans: 0, queuedSpans: 0, queuedBytes: 0 });
    expect(stats.failedSpans).toMatchObject({ rejected: 3 });
    expect(stats.lastError).toBe('UNAUTHENTICATED: who are you');
    expect(failures).toEqual([{ reason: 'rejected', spans: 3, services: [], message: stats.lastError }]);
    expect(errors).toEqual([]);
  });

  it('reads a partial success: some spans arrived, the others did not, and nothing is sent twice', async () => {
    const { exporter, stats, clock, client } = start(() => partial(2));
    exporter.offer(spansOf(5));
    await clock.turn(600_000);
    expect(client.sent).toHaveLength(1);
    expect(stats).toMatchObject({ exportedSpans: 3, exportedRequests: 1, lastSuccessAt: expect.any(Number) });
    expect(stats.failedSpans.partial).toBe(2);
    expect(stats.lastError).toBe('2 of 5 spans rejected: bad ids');
  });

  it('does not believe a server that rejects more spans than it was sent', async () => {
    const { exporter, stats, clock } = start(() => partial(99));
    exporter.offer(spansOf(5));
    await clock.turn(0);
    expect(stats).toMatchObject({ exportedSpans: 0, queuedSpans: 0 });
    expect(stats.failedSpans.partial).toBe(5);
  });

  it('shows a warning that came with full success', async () => {
    const { exporter, stats, clock } = start(() => ({ kind: 'accepted', rejectedSpans: 0, message: 'use TLS' }));
    exporter.offer(spansOf(5));
    await clock.turn(0);
    expect(stats).toMatchObject({ exportedSpans: 5, lastError: 'accepted with a warning: use TLS' });
    expect(failedIn(stats)).toBe(0);
  });
});

describe('an answer worth another try', () => {
  const until = (attempts: number, answer: Answer) => (_: Payload, attempt: number) =>
    attempt < attempts ? answer : accepted;

  it('tries again after exponential backoff, up to the longest wait', async () => {
    const { exporter, stats, clock, client } = start(until(8, unavailable()), { maxMs: 10_000 });
    exporter.offer(spansOf(4));
    await clock.turn(120_000);
    expect(client.waits).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    expect(stats).toMatchObject({ exportedSpans: 4, retries: 7, lastError: 'UNAVAILABLE: try later' });
    expect(failedIn(stats)).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    [0, 500],
    [0.999, 1499],
  ])('spreads the waits by half to either side (chance %f)', async (chance, waitMs) => {
    const { exporter, clock, client } = start(until(2, unavailable()));
    clock.random = () => chance;
    exporter.offer(spansOf(1));
    await clock.turn(5000);
    expect(client.waits).toEqual([waitMs]);
  });

  it('waits at least as long as the server asks, and never shorter than backoff', async () => {
    const hints = [7000, 100, 100];
    const answers: Answers = (_, attempt) => (attempt <= 3 ? unavailable(hints[attempt - 1]) : accepted);
    const { exporter, clock, client } = start(answers);
    exporter.offer(spansOf(1));
    await clock.turn(60_000);
    expect(client.waits).toEqual([7000, 2000, 4000]);
  });

  it('takes an attempt without an answer for a failed one', async () => {
    const { exporter, stats, clock, client } = start((_, attempt) => (attempt === 1 ? never : accepted));
    exporter.offer(spansOf(1));
    await clock.turn(9999);
    expect(client.sent).toHaveLength(1);
    expect(stats).toMatchObject({ queuedSpans: 1, retries: 0 });
    await clock.turn(1 + 1000);
    expect(client.waits).toEqual([11_000]);
    expect(stats).toMatchObject({ exportedSpans: 1, retries: 1, lastError: 'no answer within 10000 ms' });
  });

  it('takes a client that breaks for one that failed', async () => {
    const broken: Answers = (_, attempt) => (attempt === 1 ? Promise.reject(new Error('socket hang up')) : accepted);
    const { exporter, stats, clock } = start(broken);
    exporter.offer(spansOf(1));
    await clock.turn(1000);
    expect(stats).toMatchObject({ exportedSpans: 1, retries: 1, lastError: 'Error: socket hang up' });
  });

  it('gives up when the next try would come too late', async () => {
    const { exporter, stats, clock, client } = start(() => unavailable(), { giveUpAfterMs: 20_000 });
    exporter.offer(spansOf(6));
    await clock.turn(3_600_000);
    expect(client.waits).toEqual([1000, 2000, 4000, 8000]);
    expect(stats.failedSpans.expired).toBe(6);
    expect(stats).toMatchObject({ queuedSpans: 0, queuedBytes: 0, retries: 4 });
    expect(stats.lastError).toBe('gave up after 15 s of trying: UNAVAILABLE: try later');
  });

  it('gives up at once when the server asks for more patience than there is', async () => {
    const { exporter, stats, clock, client } = start(() => unavailable(300_001));
    exporter.offer(spansOf(1));
    await clock.turn(0);
    expect(client.sent).toHaveLength(1);
    expect(stats.failedSpans.expired).toBe(1);
  });

  it('never gives up where give_up_after is 0', async () => {
    const { exporter, stats, clock } = start(() => unavailable(), { giveUpAfterMs: 0 });
    exporter.offer(spansOf(1));
    await clock.turn(24 * 3_600_000);
    expect(stats).toMatchObject({ queuedSpans: 1 });
    expect(failedIn(stats)).toBe(0);
  });
});

describe('a request that is too large', () => {
  /** A far end that takes no more than so many spans at once. */
  const atMost =
    (spans: number): Answers =>
    (payload) =>
      payload.spans > spans ? tooLarge : accepted;

  it('goes in halves, and halves of halves, until it fits', async () => {
    const { exporter, stats, clock, client } = start(atMost(3));
    exporter.offer(spansOf(8));
    await clock.turn(0);
    expect(client.sent.map(({ payload }) => payload.spans)).toEqual([8, 4, 4, 2, 2, 2, 2]);
    expect(stats).toMatchObject({ exportedSpans: 8, exportedRequests: 4, queuedSpans: 0, queuedBytes: 0, retries: 0 });
    expect(stats.lastError).toBe('');
  });

  it('counts each half as it arrives, while the whole keeps its place in the queue', async () => {
    const { exporter, stats, clock } = start((payload, attempt) =>
      payload.spans > 4 ? tooLarge : attempt < 3 ? accepted : unavailable(),
    );
    exporter.offer(spansOf(8));
    await clock.turn(0);
    expect(stats).toMatchObject({ exportedSpans: 4, queuedSpans: 4, queuedBytes: spansOf(8).body.length });
  });

  it('gives up a single span that is still too large, and no other', async () => {
    const huge: Answers = (payload) => (Buffer.from(payload.bytes).includes('huge') ? tooLarge : accepted);
    const { exporter, stats, clock } = start(huge);
    exporter.offer(requestOf(['a', 'b', 'huge', 'c', 'd'].map((name, trace) => ({ trace, name }))));
    await clock.turn(0);
    expect(stats.exportedSpans).toBe(4);
    expect(stats.failedSpans.too_large).toBe(1);
    expect(stats.lastError).toBe('RESOURCE_EXHAUSTED: message larger than max');
  });

  it('gives up what cannot be split because it is not protobuf', async () => {
    const { exporter, stats, clock } = start(() => tooLarge);
    exporter.offer({ body: Buffer.from('not protobuf'), spans: 9, traces: 9 });
    await clock.turn(0);
    expect(stats.failedSpans.too_large).toBe(9);
  });
});

describe('the queue', () => {
  it('takes requests up to its last byte and gives up the one that is a byte too many', async () => {
    const { exporter, stats } = start(() => never, { maxBytes: 1000 });
    exporter.offer(bytesOf(400));
    exporter.offer(bytesOf(600));
    expect(stats).toMatchObject({ queuedSpans: 2, queuedBytes: 1000, queueLimitBytes: 1000 });
    expect(failedIn(stats)).toBe(0);
    exporter.offer(bytesOf(1));
    expect(stats).toMatchObject({ queuedSpans: 2, queuedBytes: 1000 });
    expect(stats.failedSpans.queue_full).toBe(1);
    expect(stats.lastError).toBe('queue full: 1 bytes offered, 0 of queue.max_bytes 1000 free');
  });

  const parts = [
    { name: 'flood', share: 0.75 },
    { name: 'calm', share: 0.25 },
  ];

  it('is all of one tenant’s as long as nobody else comes, and then the newest give way', async () => {
    const { exporter, stats } = start(() => never, { maxBytes: 4000 }, 4, parts);
    const gone: number[] = [];
    for (let n = 0; n < 50; n++) exporter.offer({ ...bytesOf(100), tenant: 'flood' }, () => gone.push(n));
    expect(stats).toMatchObject({ queuedBytes: 4000, failedSpans: { queue_full: 10 } });
    expect(stats.lastError).toBe('queue full: 100 bytes offered, 0 of queue.max_bytes 4000 free');
    expect(gone.splice(0)).toEqual([40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
    for (let n = 0; n < 10; n++) exporter.offer({ ...bytesOf(100), tenant: 'calm' });
    expect(stats).toMatchObject({ queuedSpans: 40, queuedBytes: 4000, failedSpans: { queue_full: 20 } });
    expect(gone).toEqual([39, 38, 37, 36, 35, 34, 33, 32, 31, 30]);
    expect(stats.lastError).toBe('queue full: tenant flood has more than its part of it, and others came');
    // Both have their parts.
    exporter.offer({ ...bytesOf(100), tenant: 'calm' });
    exporter.offer({ ...bytesOf(100), tenant: 'flood' });
    expect(stats).toMatchObject({ queuedSpans: 40, queuedBytes: 4000, failedSpans: { queue_full: 22 } });
  });

  it('gives nothing up for one that will not fit all the same', async () => {
    const { exporter, stats } = start(() => never, { maxBytes: 1000 }, 1, parts);
    for (let n = 0; n < 10; n++) exporter.offer({ ...bytesOf(100), tenant: 'flood' });
    exporter.offer({ ...bytesOf(1001), tenant: 'calm' });
    exporter.offer({ ...bytesOf(400), tenant: 'calm' });
    expect(stats).toMatchObject({ queuedSpans: 10, failedSpans: { queue_full: 2 } });
  });

  it('gives a tenant its room back when what it had has left', async () => {
    const halves = ['a', 'b'].map((name) => ({ name, share: 0.5 }));
    const { exporter, stats, clock } = start(() => accepted, { maxBytes: 1000 }, 4, halves);
    for (let round = 0; round < 5; round++) {
      // Larger than its share: alone it comes in.
      exporter.offer({ ...bytesOf(700), tenant: 'a' });
      exporter.offer({ ...bytesOf(200), tenant: 'b' });
      await clock.turn(0);
    }
    expect(stats).toMatchObject({ exportedSpans: 10, queuedBytes: 0 });
    expect(failedIn(stats)).toBe(0);
  });

  it.each([
    [999, 1, 0],
    [1000, 1, 0],
    [1001, 0, 1],
  ])('holds one request of %i bytes in 1000: %i taken, %i given up', async (length, taken, refused) => {
    const { exporter, stats } = start(() => never, { maxBytes: 1000 });
    exporter.offer(bytesOf(length));
    expect(stats.queuedSpans).toBe(taken);
    expect(stats.failedSpans.queue_full).toBe(refused);
  });

  it('has room again when a request was delivered', async () => {
    const { exporter, stats, clock } = start(() => accepted, { maxBytes: 1000 });
    for (let round = 0; round < 5; round++) {
      exporter.offer(bytesOf(1000));
      await clock.turn(0);
    }
    expect(stats).toMatchObject({ exportedSpans: 5, queuedBytes: 0 });
    expect(failedIn(stats)).toBe(0);
  });

  it('sends first what came first, a few at once', async () => {
    let open!: () => void;
    const gate = new Promise<Answer>((resolve) => {
      open = () => resolve(accepted);
    });
    const { exporter, client, clock } = start(() => gate, {}, 3);
    for (let spans = 1; spans <= 8; spans++) exporter.offer(spansOf(spans));
    await clock.turn(0);
    expect(client.sent.map(({ payload }) => payload.spans)).toEqual([1, 2, 3]);
    open();
    await clock.turn(0);
    expect(client.sent.map(({ payload }) => payload.spans)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(client.mostUnderWay).toBe(3);
  });
});

describe('several exporters', () => {
  it('deliver each at its own pace, however long another hangs', async () => {
    const stuck = start(() => never, { name: 'stuck', maxBytes: 2000 });
    const refused = start(() => rejected, { name: 'refused' });
    const healthy = start(() => accepted, { name: 'healthy' });
    for (let round = 0; round < 50; round++) {
      const request = bytesOf(100);
      for (const { exporter } of [stuck, refused, healthy]) exporter.offer(request);
      await settle();
    }
    expect(healthy.stats).toMatchObject({ exportedSpans: 50, queuedSpans: 0 });
    expect(failedIn(healthy.stats)).toBe(0);
    expect(refused.stats.failedSpans.rejected).toBe(50);
    expect(stuck.stats).toMatchObject({ queuedSpans: 20, failedSpans: { queue_full: 30 } });
  });
});

describe('the wall clock, which somebody sets,', () => {
  it.each([
    ['forward by ten minutes', 600_000],
    ['back by an hour', -3_600_000],
  ])(
    '%s: tries, their waits and their end stay what they were, and what is shown is by the clock as it is',
    async (_, byMs) => {
      const tries = async (setByMs: number) => {
        const story = start(() => unavailable(), { giveUpAfterMs: 60_000 });
        story.exporter.offer(spansOf(3));
        await story.clock.turn(10_000);
        story.clock.unix += setByMs;
        await story.clock.turn(15_000);
        expect(story.stats).toMatchObject({ queuedSpans: 3, lastErrorAt: expect.closeTo(story.clock.unix, -5) });
        await story.clock.turn(60_000);
        expect(story.stats).toMatchObject({ queuedSpans: 0, failedSpans: { expired: 3 } });
        return story.client.sent.map(({ at }) => at);
      };
      expect(await tries(byMs)).toEqual(await tries(0));
    },
  );

  it('does not move the deadline of a drain', async () => {
    const { exporter, clock, stats } = start(() => never, { timeoutMs: 60_000 });
    exporter.offer(spansOf(3));
    const drained = exporter.drain(clock.monotonic + 30_000);
    clock.unix += 3_600_000;
    await clock.turn(29_999);
    expect(stats.queuedSpans).toBe(3);
    clock.unix -= 7_200_000;
    await clock.turn(1);
    await drained;
    expect(stats.failedSpans.shutdown).toBe(3);
  });
});

describe('draining', () => {
  it('is over at once when nothing waits, and closes the client', async () => {
    const { exporter, client, clock } = start(() => accepted);
    await exporter.drain(clock.monotonic + 30_000);
    expect(client.closed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('sends everything that is queued', async () => {
    const { exporter, stats, clock, client } = start(() => accepted, {}, 2);
    for (let i = 0; i < 20; i++) exporter.offer(spansOf(3));
    await exporter.drain(clock.monotonic + 30_000);
    expect(stats).toMatchObject({ exportedSpans: 60, queuedSpans: 0, queuedBytes: 0 });
    expect(client.closed).toBe(true);
  });

  it('waits no longer for a better time, and tries now', async () => {
    const { exporter, stats, clock, client } = start((_, attempt) => (attempt === 1 ? unavailable(60_000) : accepted));
    exporter.offer(spansOf(2));
    await clock.turn(5000);
    await exporter.drain(clock.monotonic + 30_000);
    expect(client.waits).toEqual([5000]);
    expect(stats).toMatchObject({ exportedSpans: 2, queuedSpans: 0 });
  });

  it('is hurried before it is drained: it still takes what comes', async () => {
    const { exporter, stats, clock, client } = start((_, attempt) => (attempt < 3 ? unavailable(60_000) : accepted));
    exporter.offer(spansOf(2));
    await clock.turn(5000);
    exporter.hurry();
    await clock.turn(0);
    expect(client.waits).toEqual([5000]);
    exporter.offer(spansOf(3));
    await clock.turn(60_000);
    expect(stats).toMatchObject({ exportedSpans: 5, queuedSpans: 0 });
  });

  it('tries on while the far end is down, a second apart at most, and counts what is left at the deadline', async () => {
    const { exporter, stats, clock, client } = start(() => unavailable(), { initialMs: 20_000, maxMs: 30_000 }, 2);
    for (let i = 0; i < 10; i++) exporter.offer(spansOf(1));
    await clock.turn(0);
    expect(client.sent).toHaveLength(2);
    const drained = exporter.drain(clock.monotonic + 5_500);
    await clock.turn(5_499);
    expect(client.sent).toHaveLength(2 + 2 * 6);
    expect(stats.queuedSpans).toBe(10);
    await clock.turn(1);
    await drained;
    expect(stats.failedSpans.shutdown).toBe(10);
    expect(stats).toMatchObject({ queuedSpans: 0, queuedBytes: 0 });
  });

  it('delivers to a far end that is back before the deadline: both may be restarted together', async () => {
    let isBack = false;
    const { exporter, stats, clock } = start(() => (isBack ? accepted : unavailable()), {}, 2);
    for (let i = 0; i < 10; i++) exporter.offer(spansOf(1));
    const drained = exporter.drain(clock.monotonic + 30_000);
    await clock.turn(20_000);
    isBack = true;
    await clock.turn(2_000);
    await drained;
    expect(stats).toMatchObject({ exportedSpans: 10, failedSpans: { shutdown: 0 } });
  });

  it('still waits for a far end that is alive and names a time before the deadline', async () => {
    const answers: Answers = (_, attempt) => (attempt < 4 ? unavailable(5000) : accepted);
    const { exporter, stats, clock, client } = start(answers, { initialMs: 20_000 });
    exporter.offer(spansOf(1));
    await clock.turn(100);
    const drained = exporter.drain(clock.monotonic + 30_000);
    await clock.turn(10_000);
    await drained;
    expect(client.waits).toEqual([100, 5000, 5000]);
    expect(stats.exportedSpans).toBe(1);
  });

  it('ends at the deadline, whatever hangs, and counts what is left', async () => {
    const { exporter, stats, clock, client } = start(() => never, { timeoutMs: 60_000 }, 2);
    for (let i = 0; i < 10; i++) exporter.offer(spansOf(3));
    let over = false;
    const drained = exporter.drain(clock.monotonic + 30_000).then(() => {
      over = true;
    });
    await clock.turn(29_999);
    expect(over).toBe(false);
    expect(stats.queuedSpans).toBe(30);
    await clock.turn(1);
    await drained;
    expect(client.sent).toHaveLength(2);
    expect(stats.failedSpans.shutdown).toBe(30);
    expect(stats).toMatchObject({ queuedSpans: 0, queuedBytes: 0 });
    expect(clock.pendingTimers).toBe(0);
    expect(client.closed).toBe(true);
  });

  it('takes nothing new once it has begun', async () => {
    const { exporter, stats, clock } = start(() => accepted);
    await exporter.drain(clock.monotonic);
    exporter.offer(spansOf(4));
    expect(stats.failedSpans.shutdown).toBe(4);
    expect(stats.queuedSpans).toBe(0);
  });
});

describe('a configuration that can never work', () => {
  it.each([
    [{ endpoint: 'tempo:4317' }, /endpoint "tempo:4317" is not a URL that begins with http/],
    [{ headers: { 'x y': '1' } }, /export tempo: .*x y/i],
    [{ headers: { 'x y': '1' }, protocol: 'http' as const }, /export tempo: .*x y/i],
    [{ headers: { token: 'a\nb' }, protocol: 'http' as const }, /export tempo: .*token/i],
  ])('is told at the start: %j', async (overrides, message) => {
    const opened = openOtlpExporter(configOf(overrides));
    await expect(opened).rejects.toThrow(UsageError);
    await expect(opened).rejects.toThrow(message);
  });
});

interface Story {
  answers: (Answer | 'never' | 'throws')[];
  steps: ({ offer: number } | { turn: number })[];
  maxBytes: number;
  consumers: number;
  drainMs: number;
}

describe('the books', () => {
  const answer = fc.oneof(
    { weight: 4, arbitrary: fc.constant(accepted) },
    fc.integer({ min: 1, max: 12 }).map(partial),
    fc.integer({ min: 0, max: 400_000 }).map(unavailable),
    fc.constant(rejected),
    fc.constant(refused),
    fc.constant(unreadable),
    { weight: 2, arbitrary: fc.constant(tooLarge) },
    fc.constant('never' as const),
    fc.constant('throws' as const),
  );
  const step = fc.oneof(
    fc.record({ offer: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ turn: fc.integer({ min: 0, max: 90_000 }) }),
  );

  it('balance at every step, whatever the far end answers', async () => {
    const story: fc.Arbitrary<Story> = fc.record({
      answers: fc.array(answer, { minLength: 1, maxLength: 30 }),
      steps: fc.array(step, { maxLength: 30 }),
      maxBytes: fc.integer({ min: 50, max: 2000 }),
      consumers: fc.integer({ min: 1, max: 4 }),
      drainMs: fc.integer({ min: 0, max: 60_000 }),
    });
    const tell = async ({ answers, steps, maxBytes, consumers, drainMs }: Story) => {
      const far: Answers = (_, attempt) => {
        const chosen = answers[attempt % answers.length];
        if (chosen === 'throws') throw new Error('broken');
        return chosen === 'never' ? never : chosen;
      };
      let offered = 0;
      const { exporter, stats, clock } = start(far, { maxBytes, giveUpAfterMs: 120_000 }, consumers);
      for (const each of steps) {
        if ('offer' in each) {
          offered += each.offer;
          exporter.offer(spansOf(each.offer));
        } else await clock.turn(each.turn);
        expect(sumOf(stats)).toBe(offered);
        expect(stats.queuedBytes).toBeLessThanOrEqual(maxBytes);
        expect(stats.queuedBytes === 0).toBe(stats.queuedSpans === 0);
      }
      const drained = exporter.drain(clock.monotonic + drainMs);
      await clock.turn(drainMs);
      await drained;
      expect(stats).toMatchObject({ queuedSpans: 0, queuedBytes: 0 });
      expect(sumOf(stats)).toBe(offered);
      expect(clock.pendingTimers).toBe(0);
    };
    await fc.assert(fc.asyncProperty(story, tell), { numRuns: 300 });
  });
});
