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

  it('one byte over: it is decided at once, what follows is late, others are untouched', () => {
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
  const bytes = message('t-0').length;

  it('exactly full is not over: nothing is decided early', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxBytes: 100 * bytes } });
    for (let i = 0; i < 10; i++) for (let j = 0; j < 10; j++) story.sendBytes(message(`t-${i}${j}`.slice(0, 5)));
    expect(story.after(0).left()).toEqual([]);
  });

  it('full, decide_oldest: those whose root came are decided before their neighbours without one, none is lost', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxBytes: 100 * bytes } });
    const order: string[] = [];
    for (let i = 0; i < 140; i++) {
      const name = `u-${String(i).padStart(3, '0')}`;
      order.push(name);
      expect(story.sendBytes(message(name, i % 2 === 0 ? 'parent' : undefined))).not.toBeInstanceOf(Refusal);
    }
    story.after(0);
    const early = order.filter((name) => story.explain(name)?.verdict === 'keep');
    expect(early.length).toBeGreaterThan(0);
    expect(early.every((name) => story.explain(name)?.trigger === 'full')).toBe(true);
    // Everything decided early is older than everything that waits, up to the segment in which both lie.
    expect(story.explain(order[139])).toMatchObject({ verdict: 'waiting' });
    const leftInOrder = story.left().map((span) => span.traceId);
    const complete = story.left().findIndex((span) => span.parentSpanId !== undefined);
    expect(story.left()[0].parentSpanId).toBeUndefined();
    expect(complete).toBeGreaterThan(1);
    expect(new Set(leftInOrder).size).toBe(early.length);
    story.after(10_000);
    expect(story.left()).toHaveLength(140);
  });

  it('full, refuse: the sender is told to try again later, and later works', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxBytes: 100 * bytes, onFull: 'refuse' } });
    for (let i = 0; i < 100; i++) expect(story.sendBytes(message(`v-${i + 100}`))).not.toBeInstanceOf(Refusal);
    const refused = story.sendBytes(message('v-999'));
    expect(refused).toMatchObject({ reason: 'buffer_full', retryAfterMs: 1000 });
    story.after(10_000);
    expect(story.left()).toHaveLength(100);
    expect(story.sendBytes(message('v-999'))).not.toBeInstanceOf(Refusal);
  });

  it('full, refuse: what is refused for being broken takes no room from others', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxBytes: 100 * bytes, onFull: 'refuse' } });
    story.sendBytes(message('v-100'));
    const broken = new Uint8Array(bytes).fill(0xff);
    for (let i = 0; i < 1000; i++) expect(story.sendBytes(broken)).toMatchObject({ reason: 'malformed' });
    expect(story.bufferBytes).toBe(bytes);
    for (let i = 101; i < 200; i++) expect(story.sendBytes(message(`v-${i}`))).not.toBeInstanceOf(Refusal);
    story.after(10_000);
    expect(story.left()).toHaveLength(100);
  });

  it('full, refuse: says so before the message comes', () => {
    const story = new Story({ shards: 1, rules: errorsOnly, buffer: { maxBytes: 100 * bytes, onFull: 'refuse' } });
    for (let i = 0; i < 99; i++) story.sendBytes(message(`v-${i + 100}`));
    expect(story.next.refuses(bytes)).toBeUndefined();
    expect(story.next.refuses(bytes + 1)).toMatchObject({ reason: 'buffer_full', retryAfterMs: 1000 });
    story.after(10_000);
    expect(story.next.refuses(bytes + 1)).toBeUndefined();
  });

  it('a message larger than the whole buffer can never be taken', () => {
    const story = new Story({ shards: 1, buffer: { maxBytes: 100_000 } });
    const at = (length: number) => story.next.refuses(length);
    expect(at(100_001)).toMatchObject({ reason: 'too_large' });
    expect(at(100_000)).toBeUndefined();
    const none = messageOf([new Uint8Array(100_001)]);
    expect(story.next.accept(none, 'grpc')).toMatchObject({ reason: 'too_large' });
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

  it('merges spans of the same resource and scope, across traces and requests', () => {
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
