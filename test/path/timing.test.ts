import { describe, expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import { traceIdHex } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const afterRoot = { buffer: { decisionWaitMs: 30_000, decisionWaitAfterRootMs: 2_000 } };

describe('the wait', () => {
  it('runs from the first span, not from later ones', () => {
    const story = new Story();
    story.send({ trace: 'a', parent: 'x', status: 'ERROR' });
    story.after(9_000);
    story.send({ trace: 'a', id: 'x' });
    story.after(1_000);
    expect(story.leftOf('a')).toHaveLength(2);
  });

  it('case 28: ends after-root seconds after the root: root at 1 s, decision at 3 s', () => {
    const story = new Story(afterRoot);
    story.send({ trace: 'a', parent: 'r', status: 'ERROR' });
    story.after(1_000);
    story.send({ trace: 'a', id: 'r' });
    story.after(1_980);
    expect(story.left()).toEqual([]);
    story.after(36);
    expect(story.leftOf('a')).toHaveLength(2);
    expect(story.explain('a')).toMatchObject({ trigger: 'root', complete: true });
  });

  it('case 28: is not prolonged by a root that comes shortly before its end', () => {
    const story = new Story(afterRoot);
    story.send({ trace: 'a', parent: 'r', status: 'ERROR' });
    story.after(29_500);
    story.send({ trace: 'a', id: 'r' });
    story.after(516);
    expect(story.leftOf('a')).toHaveLength(2);
    expect(story.explain('a')).toMatchObject({ trigger: 'wait', complete: true });
  });

  it('case 31: includes a span that comes between the root and the decision', () => {
    const story = new Story(afterRoot);
    story.send({ trace: 'a', id: 'r' });
    story.after(1_900);
    story.send({ trace: 'a', parent: 'r', status: 'ERROR' });
    story.after(120);
    expect(story.leftOf('a')).toHaveLength(2);
  });

  it('case 29: ends without a root too, and the trace says that it is incomplete', () => {
    const story = new Story();
    story.send({ trace: 'a', id: 'b', parent: 'nobody', status: 'ERROR' }, { trace: 'a', id: 'c', parent: 'b' });
    story.after(10_000);
    const [localRoot, child] = story.leftOf('a');
    expect(attribute(localRoot, 'tailgate.incomplete')).toBe(true);
    expect(attribute(child, 'tailgate.incomplete')).toBeUndefined();
    expect(story.explain('a')).toMatchObject({ trigger: 'wait', complete: false });
  });

  it('looks for the local root among the first four thousand spans of a trace, and else marks the first', () => {
    const story = new Story({ rules: { debug: true }, buffer: { maxTraceBytes: 1 << 24 } });
    for (const [trace, orphan] of [
      ['near', 4000],
      ['far', 4500],
    ] as const) {
      const spans = Array.from({ length: 5000 }, (_, i) => ({ trace, id: `${i}`, parent: i === orphan ? 'x' : '7' }));
      story.send(...spans);
    }
    story.after(10_000).after(1_000);
    const marked = (trace: string) =>
      story.leftOf(trace).findIndex((span) => attribute(span, 'tailgate.incomplete') === true);
    expect([marked('near'), marked('far')]).toEqual([4000, 0]);
  });

  it('takes a parent id of zeros for none', () => {
    const story = new Story();
    story.send({ trace: 'a', parent: '0000000000000000' });
    story.after(10_000);
    expect(story.explain('a')).toMatchObject({ complete: true });
  });

  it('case 30: is one for a trace with two roots and a span id that comes twice, and both leave', () => {
    const story = new Story({ rules: { debug: true } });
    story.send({ trace: 'a', id: 'r' }, { trace: 'a', id: 'r', name: 'again' }, { trace: 'a', id: 'other-root' });
    story.after(10_000);
    expect(story.leftOf('a')).toHaveLength(3);
    expect(story.traces('kept')).toBe(1);
    expect(story.leftOf('a').filter((span) => attribute(span, 'tailgate.policy') !== undefined)).toHaveLength(1);
  });

  it('goes by the arrival, so a trace of 300 seconds is decided while it goes on', () => {
    const story = new Story();
    const startMs = story.clock.unix;
    story.send({ trace: 'a', id: 'early', startMs, durationMs: 900 });
    story.after(10_000);
    expect(story.leftOf('a')).toHaveLength(1);
    story.after(290_000);
    story.send({ trace: 'a', id: 'late', startMs: startMs + 299_000 });
    expect(story.after(1).leftOf('a')).toHaveLength(2);
  });
});

describe('the end', () => {
  it('decides what waits on what there is, and flushes it', () => {
    const story = new Story();
    story.send({ trace: 'a', parent: 'x', status: 'ERROR' }, { trace: 'b' });
    story.drain();
    expect(story.leftOf('a')).toHaveLength(1);
    expect(story.explain('a')).toMatchObject({ trigger: 'shutdown', complete: false });
    expect(story.waiting).toBe(0);
  });

  it('comes in steps as large as there is room for: of large traces one or two at a time', () => {
    const story = new Story({ batch: { maxBytes: 1 << 20, maxAgeMs: 60_000 }, shards: 1 });
    const [pipeline] = story.shards;
    const traces = Array.from({ length: 40 }, (_, i) => `large ${i}`);
    for (const trace of traces) story.send({ trace, status: 'ERROR', padding: 200_000 });
    for (let isMore = true; isMore; ) {
      const before = pipeline.shard.buffer.traces.size;
      isMore = pipeline.decideWaiting(200, 300_000);
      expect(before - pipeline.shard.buffer.traces.size).toBeLessThanOrEqual(2);
      story.checkBooks();
      // In between, as long as nobody has room, time passes and nothing is decided.
      const waiting = pipeline.shard.buffer.traces.size;
      story.after(20_000);
      expect(pipeline.shard.buffer.traces.size).toBe(waiting);
    }
    expect(story.left().map(({ traceId }) => traceId)).toEqual(traces.map(traceIdHex));
  });

  it('tells senders to go elsewhere', () => {
    const story = new Story();
    story.drain();
    expect(story.sendBytes(new Uint8Array(0))).toMatchObject({ reason: 'draining', retryAfterMs: 1000 });
  });

  it('can be asked for twice', () => {
    const story = new Story();
    story.send({ trace: 'a', status: 'ERROR' });
    story.drain().drain();
    expect(story.leftOf('a')).toHaveLength(1);
  });
});
