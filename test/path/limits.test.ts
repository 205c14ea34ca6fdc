import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { messageOf } from '../../src/receive/message.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { requestBytes, spanBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const errorsOnly = { error_status_codes: ['ERROR'] as const };

describe('buffer.max_trace_bytes', () => {
  const one = { trace: 'a', id: '1', padding: 500, status: 'ERROR' as const };
  const two = { trace: 'a', id: '2', padding: 500 };
  const bytes = spanBytes(one).length + spanBytes(two).length;

  it('one byte under: the trace waits', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxTraceBytes: bytes } });
    story.send(one, two);
    expect(story.after(0).left()).toEqual([]);
  });

  it('case 37: one byte over: it is decided at once, what follows is late, others are untouched', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxTraceBytes: bytes - 1 } });
    story.send(one, two, { trace: 'b' }, { trace: 'a', id: '3' });
    story.after(0);
    expect(story.leftOf('a')).toHaveLength(3);
    expect(story.explain('a')).toMatchObject({ trigger: 'size', lateSpans: 1 });
    expect(story.explain('b')).toMatchObject({ verdict: 'waiting' });
    story.send({ trace: 'a', id: '4' });
    expect(story.after(0).leftOf('a')).toHaveLength(4);
    expect(story.traces('kept')).toBe(1);
  });
});

describe('buffer.max_bytes', () => {
  const message = (trace: string, parent?: string) =>
    requestBytes({ trace, padding: 3_000, status: 'ERROR', ...(parent && { parent }) });
  const maxBytes = 2 << 20;
  const settingOf = (onFull: 'decide_oldest' | 'refuse') => ({
    shards: 1,
    rules: errorsOnly,
    buffer: { maxBytes, onFull, rememberedDecisions: 1024 },
  });
  const blocksOf = (story: Story) => story.shards[0].shard.buffer.blocks;
  /** Sends one trace after the other until something is decided early or refused; their names, the last one's included. */
  const fill = (
    story: Story,
    send = (name: string, _i: number): unknown => story.sendBytes(message(name)),
  ): string[] => {
    const names: string[] = [];
    for (let answer: unknown; story.decided.size === 0 && !(answer instanceof Refusal); ) {
      names.push(`u-${String(names.length).padStart(4, '0')}`);
      answer = send(names.at(-1) as string, names.length);
      expect(blocksOf(story).inUseBytes).toBeLessThanOrEqual(maxBytes);
    }
    return names;
  };

  it('case 36: full, decide_oldest: those whose root came are decided before their neighbours without one, none is lost', () => {
    const story = new Story(settingOf('decide_oldest'));
    const order = fill(story, (name, i) => story.sendBytes(message(name, i % 2 === 0 ? 'parent' : undefined)));
    // Nothing is decided early as long as there is a block: more than half of it are messages.
    expect(order.length * message('u-0000').length).toBeGreaterThan(maxBytes / 2);
    story.after(0);
    const early = order.filter((name) => story.explain(name)?.verdict === 'keep');
    expect(early.every((name) => story.explain(name)?.trigger === 'full')).toBe(true);
    // Everything decided early is older than everything that waits, up to the segment in which both lie.
    expect(story.explain(order.at(-1) as string)).toMatchObject({ verdict: 'waiting' });
    const leftInOrder = story.left().map((span) => span.traceId);
    const complete = story.left().findIndex((span) => span.parentSpanId !== undefined);
    expect(story.left()[0].parentSpanId).toBeUndefined();
    expect(complete).toBeGreaterThan(1);
    expect(new Set(leftInOrder).size).toBe(early.length);
    story.after(10_000);
    expect(story.left()).toHaveLength(order.length);
  });

  it('cases 36 and 38: full, refuse: the sender is told to try again later, and later works', () => {
    const story = new Story(settingOf('refuse'));
    const names = fill(story);
    expect(story.sendBytes(message('v-999'))).toMatchObject({ reason: 'buffer_full', retryAfterMs: 1000 });
    story.after(10_000);
    expect(story.left()).toHaveLength(names.length - 1);
    expect(story.sendBytes(message('v-999'))).not.toBeInstanceOf(Refusal);
  });

  it('full, refuse: what is refused for being broken takes no room from others', () => {
    const story = new Story(settingOf('refuse'));
    story.sendBytes(message('v-100'));
    const { bufferBytes } = story;
    const broken = new Uint8Array(message('v-100').length).fill(0xff);
    for (let i = 0; i < 2000; i++) expect(story.sendBytes(broken)).toMatchObject({ reason: 'malformed' });
    expect(story.bufferBytes).toBe(bufferBytes);
    for (let i = 101; i < 200; i++) expect(story.sendBytes(message(`v-${i}`))).not.toBeInstanceOf(Refusal);
    story.after(10_000);
    expect(story.left()).toHaveLength(100);
  });

  it('full, refuse: says so before the message comes', () => {
    const story = new Story(settingOf('refuse'));
    const large = 1 << 20;
    expect(story.next.refuses(large)).toBeUndefined();
    fill(story);
    expect(story.next.refuses(large)).toMatchObject({ reason: 'buffer_full', retryAfterMs: 1000 });
    story.after(10_000);
    expect(story.next.refuses(large)).toBeUndefined();
  });

  it('counts what small spans cost beside their bytes: rows, traces and index', () => {
    const story = new Story({ ...settingOf('decide_oldest'), rules: { debug: true } });
    let sent = 0;
    for (; sent < 40_000; sent += 100) {
      story.send(...Array.from({ length: 100 }, (_, i) => ({ trace: `tiny ${sent + i}`, name: '' })));
      expect(blocksOf(story).inUseBytes).toBeLessThanOrEqual(maxBytes);
      expect(blocksOf(story).bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(story.decided.size + story.waitingTraces + story.decided.evicted).toBe(sent);
    expect(story.after(10_000).left()).toHaveLength(sent);
  });

  it.each(['decide_oldest', 'refuse'] as const)('%s: what one kind of spans leaves is the next kind’s', (onFull) => {
    const story = new Story(settingOf(onFull));
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < 60; n++) {
        const [count, padding] = [
          [200, 0],
          [3, 20_000],
          [1, 140_000],
        ][round % 3];
        const name = (i: number): string => `${round} ${n} ${i}`;
        story.trySend(...Array.from({ length: count }, (_, i) => ({ trace: name(i), padding })));
        expect(blocksOf(story).inUseBytes).toBeLessThanOrEqual(maxBytes);
        expect(blocksOf(story).bytes).toBeLessThanOrEqual(maxBytes);
      }
      story.after(onFull === 'refuse' ? 10_000 : 100);
    }
    story.drain();
    expect([story.waiting, story.bufferBytes]).toEqual([0, 0]);
  });

  it('a message larger than the whole buffer can never be taken', () => {
    const story = new Story(settingOf('decide_oldest'));
    const most = blocksOf(story).maxBytes;
    expect(story.next.refuses(most + 1)).toMatchObject({ reason: 'too_large' });
    expect(story.next.refuses(most)).toBeUndefined();
    const none = messageOf([new Uint8Array(most + 1)]);
    expect(story.next.accept(none, 'grpc')).toMatchObject({ reason: 'too_large' });
  });

  it('nor can one whose spans cost more than the whole buffer, and nothing of it stays', () => {
    const story = new Story(settingOf('decide_oldest'));
    const spans = Array.from({ length: 20_000 }, (_, i) => ({ trace: `s-${i}`, name: '' }));
    expect(story.trySend(...spans)).toMatchObject({ reason: 'too_large', message: expect.stringContaining('20000') });
    expect([story.waiting, story.bufferBytes]).toEqual([0, 0]);
    story.send(...spans.slice(0, 2_000));
  });

  it('takes a message larger than a segment, and gives its memory back', () => {
    const story = new Story({ shards: 1, rules: errorsOnly });
    story.send(...Array.from({ length: 30 }, (_, i) => ({ trace: `w-${i}`, padding: 200_000 })));
    expect(story.bufferBytes).toBeGreaterThan(6_000_000);
    story.after(10_000);
    expect(story.bufferBytes).toBe(0);
  });
});

describe('batch', () => {
  const kept = { shards: 1, rules: { debug: true } };

  it('case 47: merges spans of the same resource and scope, across traces and requests', () => {
    const story = new Story(kept);
    for (const trace of ['a', 'b', 'c'])
      story.send({ trace, service: 'x' }, { trace, service: 'y' }, { trace, service: 'x', scope: 's2' });
    story.after(10_000);
    const [request] = story.requests.map((r) => decodeRequest(r.body));
    expect(request.resourceSpans?.map((r) => r.scopeSpans?.map((s) => s.spans?.length))).toEqual([[3, 3], [3]]);
    expect(request.resourceSpans?.[0].schemaUrl).toBe('https://opentelemetry.io/schemas/1.44.0');
  });

  it('leaves when it is old enough', () => {
    const story = new Story({ ...kept, batch: { maxAgeMs: 1_000 } });
    story.send({ trace: 'a' });
    story.after(10_000);
    expect(story.requests).toHaveLength(0);
    story.after(999);
    expect(story.requests).toHaveLength(0);
    story.after(1);
    expect(story.requests).toHaveLength(1);
  });

  it('holds max_spans spans and not one more', () => {
    const story = new Story({ ...kept, batch: { maxSpans: 4 } });
    for (const trace of ['a', 'b', 'c']) story.send({ trace, id: `${trace}1` }, { trace, id: `${trace}2` });
    story.after(10_000);
    expect(story.requests.map((r) => [r.spans, r.traces])).toEqual([
      [4, 2],
      [2, 1],
    ]);
  });

  it('fits max_bytes to the byte, in whole traces', () => {
    const spans = (trace: string) => [1, 2, 3].map((n) => ({ trace, id: `${trace}${n}`, padding: 400 }));
    const sizes = (maxBytes: number) => {
      const story = new Story({ ...kept, batch: { maxBytes } });
      story.send(...spans('a'), ...spans('b'));
      story.after(10_000);
      return story.requests.map((r) => [r.body.length, r.spans]);
    };
    const [[both]] = sizes(1 << 20);
    expect(sizes(both)).toEqual([[both, 6]]);
    expect(sizes(both - 1).map(([, n]) => n)).toEqual([3, 3]);
  });

  it('divides only a trace that is too large for a batch of its own', () => {
    const story = new Story({ ...kept, batch: { maxBytes: 2_000 } });
    story.send(
      { trace: 'small' },
      ...Array.from({ length: 10 }, (_, i) => ({ trace: 'big', id: `b${i}`, padding: 500 })),
    );
    story.after(10_000);
    expect(story.requests.every((r) => r.body.length <= 2_000)).toBe(true);
    expect(story.leftOf('big')).toHaveLength(10);
    expect(spansIn(decodeRequest(story.requests[0].body))).toHaveLength(1);
    expect(story.requests.reduce((sum, r) => sum + r.spans, 0)).toBe(11);
  });

  it('sends a span that is larger than a batch alone', () => {
    const story = new Story({ ...kept, batch: { maxBytes: 1_500 } });
    story.send({ trace: 'a' }, { trace: 'b', padding: 4_000 }, { trace: 'c' });
    story.after(10_000);
    expect(story.requests.map((r) => r.spans)).toEqual([1, 1, 1]);
    expect(story.left()).toHaveLength(3);
  });
});
