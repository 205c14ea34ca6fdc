import { describe, expect, it } from 'vitest';
import { type DemoSpan, generateTrace, seeded } from '../../../src/cli/demo/generate.ts';
import { Outbox } from '../../../src/cli/demo/outbox.ts';

const start = 1_795_626_131_000;

/** A second of traffic after the other, a tenth at a time; gives each span's moment of leaving. */
function play(seconds: number, rate: number): Map<DemoSpan, number> {
  const random = seeded(1);
  const outbox = new Outbox(random);
  const left = new Map<DemoSpan, number>();
  for (let now = start; now < start + seconds * 1000; now += 100) {
    for (let i = 0; i < rate / 10; i++) outbox.add(generateTrace(random, now), now);
    for (const batch of outbox.take(now)) for (const span of batch.spans) left.set(span, now);
  }
  return left;
}

describe('the outbox', () => {
  it('sends no span before it has ended', () => {
    for (const [span, at] of play(60, 20)) expect(Number(span.endNs / 1_000_000n)).toBeLessThanOrEqual(at);
  });

  it('makes a trace arrive in pieces over seconds, as the batch processors of many services do', () => {
    const arrivals = new Map<string, number[]>();
    for (const [span, at] of play(120, 20)) arrivals.set(span.traceId, [...(arrivals.get(span.traceId) ?? []), at]);
    const spreads = [...arrivals.values()]
      .filter((times) => times.length > 2)
      .map((times) => Math.max(...times) - Math.min(...times));
    const sorted = spreads.sort((a, b) => a - b);
    const messages = [...arrivals.values()].map((times) => new Set(times).size);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeGreaterThan(500);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(5000);
    expect(messages.filter((n) => n >= 2).length / messages.length).toBeGreaterThan(0.7);
  });

  it('sends at most 512 spans together', () => {
    const outbox = new Outbox(() => 0.5);
    const random = seeded(2);
    for (let i = 0; i < 1000; i++) outbox.add(generateTrace(random, start), start);
    const batches = outbox.flush(start + 400_000);
    expect(Math.max(...batches.map((batch) => batch.spans.length))).toBe(512);
    expect(outbox.waiting).toBe(0);
  });

  it('keeps what has not ended when it is flushed', () => {
    const outbox = new Outbox(() => 0.5);
    const [span] = generateTrace(seeded(2), start);
    outbox.add([{ ...span, endNs: BigInt(start + 5000) * 1_000_000n }], start);
    expect(outbox.flush(start)).toEqual([]);
    expect(outbox.waiting).toBe(1);
    expect(outbox.flush(start + 5000)[0].spans).toHaveLength(1);
  });
});
