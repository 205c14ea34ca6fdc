import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { difference, spanIdentities } from '../support/identity.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { Story, seedRules } from '../support/story.ts';

const MiB = 1 << 20;
const window = { maxBytes: 64 * MiB, maxAgeMs: 3_600_000 };
const padding = 20_000;

/** A story that knows what came, trace by trace. */
class Remembering extends Story {
  readonly came = new Map<string, string[]>();

  override trySend(...spans: Told[]) {
    const bytes = requestBytes(...spans);
    const answer = this.sendBytes(bytes);
    if ('spans' in answer) {
      const ids = spanIdentities(bytes, 'leave out');
      for (const [i, { trace }] of spans.entries()) this.came.set(trace, [...(this.came.get(trace) ?? []), ids[i]!]);
    }
    return answer;
  }

  /** What differs between what came of a trace and what is there of it. */
  async differs(trace: string) {
    return difference(await this.past(trace), this.came.get(trace) ?? []);
  }
}
const same = { extra: [], missing: [] };

/** Ten traces of three spans in two requests each, of which one has an error. */
function tell(story: Story, from = 0): void {
  for (let n = from; n < from + 10; n++) {
    story.trySend({ trace: `t${n}`, id: 'r', padding }, { trace: `t${n}`, id: 'a', parent: 'r', service: 'y' });
    story.trySend({ trace: `t${n}`, id: 'b', parent: 'r', padding, ...(n % 10 === 3 && { status: 'ERROR' }) });
  }
}

const windowOf = (story: Story) => story.shards.map(({ shard }) => shard.window!);
const sum = (story: Story, of: (window: NonNullable<Story['shards'][0]['shard']['window']>) => number): number =>
  windowOf(story).reduce((total, each) => total + of(each), 0);

describe('what waits no more', () => {
  it('is found while others wait beside it, kept or dropped, each span as it came and once', async () => {
    const story = new Remembering({ window });
    tell(story);
    for (const n of [0, 3]) expect(await story.differs(`t${n}`)).toEqual(same);
    story.after(10_000);
    // Something waits still, so no segment has been given up.
    tell(story, 10);
    for (const trace of story.came.keys()) expect([trace, await story.differs(trace)]).toEqual([trace, same]);
    expect(await story.past('nobody')).toEqual([]);
  });

  it('is found when its segment was given up, before and after that is compressed', async () => {
    const story = new Remembering({ window });
    tell(story);
    story.after(10_000).after(300);
    expect([story.waiting, story.bufferBytes]).toEqual([0, 0]);
    for (const trace of story.came.keys()) expect([trace, await story.differs(trace)]).toEqual([trace, same]);
    expect(story.packPast()).toBeGreaterThan(0);
    for (const trace of story.came.keys()) expect([trace, await story.differs(trace)]).toEqual([trace, same]);
    expect(sum(story, ({ spans }) => spans)).toBe(30);
  });

  it('does not count as waiting, and takes none of its memory', () => {
    const [off, on] = [new Story(), new Story({ window })];
    for (const story of [off, on]) {
      tell(story);
      story.after(10_000).after(300);
    }
    expect([on.spans('kept'), on.spans('dropped')]).toEqual([off.spans('kept'), off.spans('dropped')]);
    expect(on.bufferBytes).toBe(0);
    expect(on.shards[0].shard.buffer.blocks.freeBytes).toBe(on.shards[0].shard.buffer.blocks.maxBytes);
  });

  it('gives way to what lands: a full buffer has the same room with it', () => {
    const buffer = { maxBytes: 2 * MiB, decisionWaitMs: 10 };
    const story = new Remembering({ window, buffer, rules: {} });
    const plain = new Story({ buffer, rules: {} });
    for (let n = 0; n < 400; n++) {
      const spans = Array.from({ length: 10 }, (_, i) => ({ trace: `t${n}`, id: `${i}`, padding: 3_000 }));
      const [with_, without] = [story, plain].map((each) => each.trySend(...spans));
      expect('spans' in with_!).toBe('spans' in without!);
      for (const each of [story, plain]) each.after(1);
      for (const { shard } of story.shards) expect(shard.buffer.blocks.bytes).toBeLessThanOrEqual(2 * MiB);
    }
    for (const each of [story, plain]) each.after(1_000);
    // Nobody compressed anything: all but what waits for that is missed, and that is said.
    const taken = 4_000;
    expect(sum(story, ({ missedSpans }) => missedSpans)).toBeGreaterThan(taken / 2);
    expect(story.spans('dropped')).toBe(plain.spans('dropped'));
  });

  it('goes by age, the oldest first, and by bytes, and says how much it holds', async () => {
    const story = new Remembering({ window: { maxBytes: 64 * MiB, maxAgeMs: 60_000 } });
    for (let n = 0; n < 8; n++) {
      tell(story, n * 10);
      story.after(15_000).after(300);
      story.packPast();
    }
    story.after(300);
    const found = await Promise.all([...story.came.keys()].map((trace) => story.past(trace)));
    const young = found.map((spans) => spans.length > 0);
    expect(young.lastIndexOf(false)).toBe(young.indexOf(true) - 1);
    expect(young.filter(Boolean).length).toBe(30);
    for (const each of windowOf(story)) expect(story.clock.monotonic - each.oldestAt!).toBeLessThanOrEqual(75_600);

    const small = new Remembering({ window: { maxBytes: 12_000, maxAgeMs: 1e9 } });
    for (let n = 0; n < 40; n++) {
      tell(small, n * 10);
      small.after(15_000).after(300);
      small.packPast();
      small.after(300);
      for (const each of windowOf(small)) expect(each.bytes).toBeLessThanOrEqual(each.maxBytes);
    }
    expect(await small.past('t0')).toEqual([]);
    expect(await small.differs('t399')).toEqual(same);
  });

  it('goes by age while it waits for the compressor, too, and its memory with it', async () => {
    const story = new Remembering({ window: { maxBytes: 64 * MiB, maxAgeMs: 60_000 } });
    tell(story);
    story.after(15_000).after(300);
    const keptBytes = (): number =>
      story.shards.reduce((all, { shard: { buffer } }) => all + buffer.blocks.bytes - buffer.blocks.inUseBytes, 0);
    expect(keptBytes()).toBeGreaterThanOrEqual(4 * MiB);
    story.after(40_000).after(300);
    expect(await story.differs('t3')).toEqual(same);
    story.after(10_000).after(300);
    expect(await story.past('t3')).toEqual([]);
    story.after(10_000).after(10_000).after(300);
    expect(keptBytes()).toBeLessThan(4 * MiB);
    expect([story.packPast(), sum(story, ({ missedSpans }) => missedSpans)]).toEqual([0, 0]);
  });

  it('is no more, waiting for the compressor, than the window may hold, where that is more than one segment', () => {
    const story = new Remembering({ window: { maxBytes: 300_000, maxAgeMs: 1e9 }, rules: {} });
    const spans = (n: number) =>
      Array.from({ length: 10 }, (_, i) => ({ trace: `t${n}`, id: `${i}`, padding: 12_000 }));
    for (let n = 0; n < 6; n++) {
      for (const pipeline of story.shards) story.offer(pipeline, requestBytes(...spans(n)));
      story.after(15_000).after(300);
    }
    expect(story.packPast()).toBe(2 * story.shards.length);
  });

  it('is nothing that was refused, whatever came behind it', async () => {
    const story = new Remembering({ window });
    const pipeline = story.shards[0]!;
    const broken = Buffer.concat([requestBytes({ trace: 'bad', padding: 200_000 }), new Uint8Array(9).fill(0xff)]);
    const message = { length: broken.length, copyTo: (to: Uint8Array, at: number) => void to.set(broken, at) };
    const slow = pipeline.acceptInSteps(message, 'grpc', () => false);
    slow.next();
    story.offer(pipeline, requestBytes({ trace: 'good', id: 'a' }));
    for (let step = slow.next(); !step.done; step = slow.next());
    expect((await story.past('good')).length).toBe(1);
    expect(await story.past('bad')).toEqual([]);
    story.after(20_000).after(300);
    story.packPast();
    expect((await story.past('good')).length).toBe(1);
    expect(await story.past('bad')).toEqual([]);
  });

  it('is a large request that was taken in steps, too', async () => {
    const story = new Remembering({ window });
    const bytes = requestBytes(...Array.from({ length: 3000 }, (_, i) => ({ trace: `t${i % 7}`, id: `s${i}` })));
    const pipeline = story.shards[0]!;
    for (const identity of spanIdentities(bytes)) story.inside.add(identity);
    const message = { length: bytes.length, copyTo: (to: Uint8Array, at: number) => void to.set(bytes, at) };
    const slow = pipeline.acceptInSteps(message, 'grpc', () => false);
    slow.next();
    story.offer(pipeline, requestBytes({ trace: 'other' }));
    expect(await story.past('t1')).toEqual([]);
    for (let step = slow.next(); !step.done; step = slow.next());
    const all = spanIdentities(bytes);
    const wanted = all.filter((id) => id.startsWith(all[1]!.slice(0, 32)));
    expect(difference(await story.past('t1'), wanted)).toEqual(same);
  });

  it('is simply gone at the end', () => {
    const story = new Story({ window });
    tell(story);
    story.drain();
    expect(story.inside.size).toBe(story.spans('dropped'));
  });
});

describe('a question that nobody waits for', () => {
  it('ends at its next step, and the segment that it read goes', async () => {
    const story = new Remembering({ window });
    tell(story);
    const gone = new Error('nobody waits');
    const pace = { isOver: true, next: () => Promise.reject(gone) };
    await expect(story.past('t1', pace)).rejects.toBe(gone);
    story.after(10_000).after(300);
    expect(story.bufferBytes).toBe(0);
  });
});

const told: fc.Arbitrary<Told> = fc.record({
  trace: fc.integer({ min: 0, max: 25 }).map((n) => `trace-${n}`),
  service: fc.constantFrom('x', 'y'),
  status: fc.constantFrom('UNSET', 'ERROR'),
  padding: fc.integer({ min: 0, max: 20_000 }),
});
type Step = { kind: 'send'; spans: Told[] } | { kind: 'wait'; ms: number } | { kind: 'pack' } | { kind: 'broken' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.array(told, { maxLength: 9 }).map((spans): Step => ({ kind: 'send', spans })) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 6_000 }).map((ms): Step => ({ kind: 'wait', ms })) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'pack' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'broken' }) },
);

describe('whatever happens', () => {
  it('nothing is found that did not come, nothing twice, and all of it where nothing was missed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(MiB, 2 * MiB, 8 * MiB),
        fc.constantFrom('decide_oldest' as const, 'refuse' as const),
        fc.array(step, { minLength: 5, maxLength: 50 }),
        async (maxBytes, onFull, steps) => {
          const story = new Remembering({
            window,
            rules: seedRules,
            buffer: { maxBytes, onFull, maxTraceBytes: 40_000 },
          });
          for (const it of steps) {
            if (it.kind === 'send') story.trySend(...it.spans);
            else if (it.kind === 'wait') story.after(it.ms);
            else if (it.kind === 'pack') story.packPast();
            else story.sendBytes(new Uint8Array(5_000).fill(0xff));
          }
          const missed = sum(story, ({ missedSpans }) => missedSpans);
          let missing = 0;
          for (const trace of story.came.keys()) {
            const differs = await story.differs(trace);
            expect(differs.extra).toEqual([]);
            missing += differs.missing.length;
          }
          expect(missing).toBeLessThanOrEqual(missed);
        },
      ),
      { numRuns: Number(process.env.STORIES ?? 40) },
    );
  });
});
