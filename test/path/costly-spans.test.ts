import { describe, expect, it } from 'vitest';
import { defaultRules } from '../../src/enrich/default-rules.ts';
import { Refusal } from '../../src/errors.ts';
import type { Told } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

/** 100 kB that rules are applied to, and that they leave as they are: some 10 ms of work. */
const costly = 'token '.repeat(17_000);
const costlySpan = (trace: string, id: string): Told => ({ trace, id, attributes: { note: costly } });
const keepAll = { rules: { ...noRules, debug: true }, enrich: { redact: defaultRules } };
/** What one step may search: what it has, and one span that begins within it. */
const mostAStep = (1 << 16) + costly.length * 1.2;

/** Ticks every shard until all is done; the most that one tick searched. */
function tickAll(story: Story): number {
  let most = 0;
  for (let more = true; more; ) {
    more = false;
    for (const pipeline of story.shards) {
      const before = story.enricher.searchedBytes;
      more = pipeline.tick(1000) || more;
      most = Math.max(most, story.enricher.searchedBytes - before);
    }
    story.checkBooks();
  }
  return most;
}

describe('spans that cost far more to write than to receive', () => {
  it('leave a step at a time, each trace whole, and others are received between', () => {
    const story = new Story({ ...keepAll, batch: { maxBytes: 64 << 20 } });
    const traces = Array.from({ length: 12 }, (_, i) => `trace ${i}`);
    for (const trace of traces) story.send(costlySpan(trace, 'a'), costlySpan(trace, 'b'), costlySpan(trace, 'c'));
    story.clock.pass(10_000);
    const [pipeline] = story.shards;
    pipeline.tick(1000);
    expect(story.waiting).toBeGreaterThan(story.shards.length === 1 ? 33 : 0);
    story.send({ trace: 'another' });
    expect(tickAll(story)).toBeLessThan(mostAStep);
    for (const trace of traces) expect(story.leftOf(trace)).toHaveLength(3);
    expect(story.spans('kept')).toBe(36);
    expect(story.waiting).toBe(1);
  });

  it('nor do they hold up the request that brings them late, or too many of one trace', () => {
    const story = new Story({ ...keepAll, buffer: { maxTraceBytes: 1_000_000 } });
    const before = story.enricher.searchedBytes;
    const ids = Array.from({ length: 40 }, (_, i) => String(i));
    story.send(...ids.map((id) => costlySpan('giant', id)));
    expect(story.enricher.searchedBytes - before).toBeLessThan(mostAStep * 20 * story.shards.length);
    expect(tickAll(story)).toBeLessThan(mostAStep);
    story.after(10_000);
    expect(story.leftOf('giant')).toHaveLength(40);
    expect(story.spans('kept') + story.spans('late_kept')).toBe(40);
    expect(story.traces('kept')).toBe(1);
    expect(story.waiting).toBe(0);
  });

  it('are scanned again under new rules a step at a time, too, though nothing of them is kept', () => {
    const story = new Story({ rules: noRules, shards: 1 });
    const traces = Array.from({ length: 20 }, (_, i) => `trace ${i}`);
    for (const trace of traces)
      story.send(...Array.from({ length: 400 }, (_, i) => ({ trace, id: `${trace} ${i}`, padding: 2_000 })));
    story.swap({ routes: ['/never'] });
    story.clock.pass(60_000);
    const [pipeline] = story.shards;
    pipeline.tick(1000);
    // Of 16 MB a step looks at one, or at the trace with which it has enough.
    expect(story.spans('dropped')).toBe(2 * 400);
    tickAll(story);
    expect(story.spans('dropped')).toBe(20 * 400);
  });

  it('do not make room for others by force: those are told to try again, and then are taken', () => {
    const story = new Story({ ...keepAll, shards: 1, buffer: { maxBytes: 2 << 20 } });
    for (let i = 0; i < 18; i++) story.send(costlySpan(`trace ${i}`, 'a'));
    const before = story.enricher.searchedBytes;
    const answer = story.trySend(...Array.from({ length: 12 }, (_, i) => costlySpan('more', String(i))));
    expect(answer).toBeInstanceOf(Refusal);
    expect((answer as Refusal).reason).toBe('buffer_full');
    expect(story.enricher.searchedBytes - before).toBeLessThan(4 * mostAStep);
    expect(tickAll(story)).toBeLessThan(mostAStep);
  });

  it('leave whole at the end', () => {
    const story = new Story({ ...keepAll });
    for (let i = 0; i < 5; i++) story.send(costlySpan(`trace ${i}`, 'a'), costlySpan(`trace ${i}`, 'b'));
    story.drain();
    expect(story.left()).toHaveLength(10);
    expect([story.waiting, story.waitingTraces]).toEqual([0, 0]);
  });
});
