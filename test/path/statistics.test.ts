import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';
import { decodeRequest } from '../support/otlp.ts';
import { attributeField } from '../support/spans.ts';
import { Story, seedRules } from '../support/story.ts';

const traces = 200_000;
const services = ['frontend', 'cart', 'stock'];

/** A generator with a fixed seed (xorshift, 32 bits). */
function random32(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** One request: for each service some traces of one span, one in fifty an error. */
function request(random: () => number, perService: number): { bytes: Uint8Array; counts: number[]; errors: number } {
  const w = new Writer(1 << 16);
  let errors = 0;
  for (const service of services) {
    const rs = w.open(1);
    const resource = w.open(1);
    attributeField(w, 1, 'service.name', service);
    w.close(resource);
    const ss = w.open(2);
    for (let i = 0; i < perService; i++) {
      const span = w.open(2);
      w.tag(1, 2);
      w.varint(16);
      for (let word = 0; word < 4; word++) w.fixed32(random());
      w.tag(2, 2);
      w.varint(8);
      w.fixed32(random());
      w.fixed32(1);
      if (random() % 50 === 0) {
        errors++;
        w.bytes(15, new Uint8Array([0x18, 2]));
      }
      w.close(span);
    }
    w.close(ss);
    w.close(rs);
  }
  return { bytes: w.finish(), counts: services.map(() => perService), errors };
}

/** 1 / probability, from a tracestate of our own. */
function weightOf(traceState: string | undefined): number {
  const th = /th:([0-9a-f]+)/.exec(traceState ?? '')?.[1] ?? '';
  return 2 ** 56 / (2 ** 56 - Number.parseInt(th.padEnd(14, '0'), 16));
}

describe.each([
  ['home', 0.1],
  ['staging', 0.05],
  ['production', 0.01],
])('200 000 random traces in %s', (environment, share) => {
  const story = new Story({ environment, rules: seedRules, batch: { maxAgeMs: 1 } });
  const random = random32(20_261_125);
  const sent = services.map(() => 0);
  let errors = 0;
  for (let n = 0; n < traces; n += services.length * 200) {
    const made = request(random, 200);
    errors += made.errors;
    made.counts.forEach((count, i) => {
      sent[i] += count;
    });
    story.sendBytes(made.bytes);
  }
  story.after(10_000).after(1);
  const total = sent.reduce((a, b) => a + b);
  const healthy = total - errors;

  it('keeps its share of the healthy ones within 4 standard deviations, and every error', () => {
    const kept = story.traces('kept') - errors;
    expect(Math.abs(kept - healthy * share)).toBeLessThan(4 * Math.sqrt(healthy * share * (1 - share)));
  });

  it('case 49: counts back to the input within 4 standard deviations, in total and per service', () => {
    const sums = new Map(services.map((service) => [service, 0]));
    for (const { body } of story.requests) {
      for (const { resource, scopeSpans } of decodeRequest(body).resourceSpans ?? []) {
        const service = resource?.attributes?.[0].value?.stringValue ?? '';
        const weights = (scopeSpans ?? []).flatMap((scope) =>
          (scope.spans ?? []).map((span) => weightOf(span.traceState)),
        );
        sums.set(service, (sums.get(service) ?? 0) + weights.reduce((a, b) => a + b, 0));
      }
    }
    const deviation = (n: number): number => 4 * Math.sqrt((n * (1 - share)) / share);
    services.forEach((service, i) => {
      expect(Math.abs((sums.get(service) ?? 0) - sent[i]), service).toBeLessThan(deviation(sent[i]));
    });
    const sum = [...sums.values()].reduce((a, b) => a + b);
    expect(Math.abs(sum - total), 'total').toBeLessThan(deviation(total));
  });
});
