import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { adjustedCount, parseThreshold } from '../../src/model/threshold.ts';
import type { Told } from '../support/spans.ts';
import { Story, seedRules } from '../support/story.ts';

/** Exporters do not keep up: told to every shard, and looked at by the next turn. */
function exportersAreBehind(story: Story, share: number): void {
  for (const { shard } of story.shards) shard.overload.surroundings.exportQueue = share;
  story.after(200);
}

const weightOf = (traceState: string | undefined): number => {
  const { high, low } = parseThreshold(/th:([0-9a-f]+)/.exec(traceState ?? '')?.[1] ?? '0')!;
  return adjustedCount(high, low);
};

describe('when exporters do not keep up', () => {
  const slow = { ...seedRules, baseline_percent: null, routes: null };

  it('case 39: less is kept with more weight, so that counts stay true, and errors as before', () => {
    const story = new Story({ rules: slow });
    exportersAreBehind(story, 0.9);
    for (let i = 0; i < 4_000; i++) story.send({ trace: `slow ${i}`, durationMs: 501 });
    for (let i = 0; i < 50; i++) story.send({ trace: `error ${i}`, status: 'ERROR' });
    exportersAreBehind(story, 0.9);
    story.after(11_000);
    const left = story.left();
    const errors = left.filter(({ status }) => status?.code === 2);
    expect(errors).toHaveLength(50);
    expect(errors.every(({ traceState }) => weightOf(traceState) === 1)).toBe(true);
    const kept = left.length - 50;
    expect(kept).toBeLessThan(1_200);
    const counted = left.reduce((sum, { traceState }) => sum + weightOf(traceState), 0);
    // Four standard deviations, by the weights that were in force.
    const most = Math.max(...left.map(({ traceState }) => weightOf(traceState)));
    expect(Math.abs(counted - 4_050)).toBeLessThan(4 * Math.sqrt(4_000 * most));
    expect(story.traces('kept') + story.traces('dropped')).toBe(4_050);
  });

  it('case 39: a trace that this cost is explained by it, and its late spans go the same way', () => {
    const story = new Story({ rules: slow });
    exportersAreBehind(story, 0.9);
    for (let i = 0; i < 64; i++) story.send({ trace: `slow ${i}`, durationMs: 501 });
    story.after(11_000);
    const traces = Array.from({ length: 64 }, (_, i) => `slow ${i}`);
    const lost = traces.filter((trace) => story.explain(trace)?.verdict === 'drop');
    expect(lost.length).toBeGreaterThan(0);
    expect(story.explain(lost[0])).toMatchObject({ policy: 'overload', threshold: '', adjustedCount: 0 });
    const [keptOne] = traces.filter((trace) => story.explain(trace)?.verdict === 'keep');
    if (keptOne !== undefined) expect(story.explain(keptOne)?.adjustedCount).toBeGreaterThan(1);
    story.send({ trace: lost[0], durationMs: 1 });
    expect(story.spans('late_dropped')).toBe(1);
  });

  it('case 39: all is as before some seconds after they have caught up', () => {
    const story = new Story({ rules: slow });
    exportersAreBehind(story, 1);
    story.after(5_000);
    for (const { shard } of story.shards) expect(shard.overload.ladder.rung).toBe(3);
    exportersAreBehind(story, 0);
    for (let i = 0; i < 30; i++) story.after(100);
    for (const { shard } of story.shards) expect(shard.overload.ladder).toMatchObject({ rung: 0, floorBits: 0 });
    story.send({ trace: 'slow', durationMs: 501 });
    for (let i = 0; i < 110; i++) story.after(100);
    expect(story.leftOf('slow')).toHaveLength(1);
  });
});

describe('when memory gets short', () => {
  const buffer = { maxBytes: 4 << 20, rememberedDecisions: 1024 };
  const padding = 1_000;
  /** Sends traces one by one, in as much time as it takes, until the shard's memory is taken to this share, or one is refused. */
  const fill = (story: Story, share: number, span: (i: number) => Partial<Told>): number => {
    const [{ shard }] = story.shards;
    for (let i = 0; ; i++) {
      if (shard.overload.memory >= share) return i;
      if (story.trySend({ trace: `trace ${i}`, padding, ...span(i) }) instanceof Refusal) return i;
      if (i % 20 === 0) story.after(1);
    }
  };

  it('complete traces are decided early, the oldest first, and the others wait on', () => {
    const story = new Story({ shards: 1, buffer });
    const traces = fill(story, 0.8, (i) => (i % 2 === 1 ? { parent: 'elsewhere' } : {}));
    for (let i = 0; i < 50; i++) story.after(10);
    const early = Array.from({ length: traces }, (_, i) => story.explain(`trace ${i}`)?.trigger === 'full');
    expect(early.some((it) => it)).toBe(true);
    expect(early.findIndex((it, i) => it && i % 2 === 1)).toBe(-1);
    const last = early.lastIndexOf(true);
    expect(early.slice(0, last).filter((_, i) => i % 2 === 0)).not.toContain(false);
  });

  it('the oldest are decided, complete or not, and the gateway does not fill up', () => {
    const story = new Story({ shards: 1, buffer });
    const [{ shard }] = story.shards;
    const traces = fill(story, 0.9, () => ({ parent: 'elsewhere' }));
    for (let i = traces; i < 3 * traces; i++) {
      story.send({ trace: `trace ${i}`, padding, parent: 'elsewhere' });
      if (i % 20 === 0) story.after(1);
      // Of some 15 blocks one is free at least.
      expect(shard.overload.memory).toBeLessThan(0.99);
    }
    expect(shard.judge.triggers.full).toBeGreaterThan(traces);
    expect(story.explain(`trace ${3 * traces - 1}`)).toMatchObject({ verdict: 'waiting' });
    for (let i = 0; i < 1_300; i++) story.after(10);
    expect(shard.overload.ladder.rung).toBe(0);
  });

  it('none is decided early where the operator would rather have senders refused', () => {
    const story = new Story({ shards: 1, buffer: { ...buffer, onFull: 'refuse' } });
    fill(story, 1, () => ({}));
    for (let i = 0; i < 50; i++) story.after(10);
    expect(story.traces('kept') + story.traces('dropped')).toBe(0);
  });
});
