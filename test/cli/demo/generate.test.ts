import { beforeAll, describe, expect, it } from 'vitest';
import { encodeRequest } from '../../../src/cli/demo/encode.ts';
import { type DemoSpan, endingAt, generateTrace, type Profile, seeded } from '../../../src/cli/demo/generate.ts';

const now = 1_795_626_131_123;
const traces = (profile: Profile, count: number, seed = 11): DemoSpan[][] => {
  const random = seeded(seed);
  return Array.from({ length: count }, () => generateTrace(random, now, profile));
};

const share = <T>(items: readonly T[], matches: (item: T) => boolean): number =>
  items.filter(matches).length / items.length;
const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const failed = (span: DemoSpan): boolean => span.status.code === 2;
const lengthMs = (span: DemoSpan): number => Number(span.endNs - span.startNs) / 1e6;
const durationMs = (spans: readonly DemoSpan[]): number => {
  const timed = spans.filter((span) => span.startNs > 0n);
  const starts = timed.map((span) => Number(span.startNs - BigInt(now) * 1_000_000n));
  return (
    (Math.max(...timed.map((span, i) => starts[i] + Number(span.endNs - span.startNs))) - Math.min(...starts)) / 1e6
  );
};
const rootless = (spans: readonly DemoSpan[]): boolean =>
  spans.every((span) => span.parentSpanId !== '' && !/^0+$/.test(span.parentSpanId));

describe('calm traffic has the proportions of the captures', () => {
  let calm: DemoSpan[][];
  let spans: DemoSpan[];
  beforeAll(() => {
    calm = traces('calm', 6000);
    spans = calm.flat();
  });

  it('in size: most traces are three spans at the edge, some are long', () => {
    const sizes = calm.map((trace) => trace.length);
    expect(share(sizes, (n) => n <= 2)).toBeCloseTo(0.05, 1);
    expect(share(sizes, (n) => n === 3)).toBeGreaterThan(0.65);
    expect(share(sizes, (n) => n === 3)).toBeLessThan(0.73);
    expect(share(sizes, (n) => n > 8)).toBeGreaterThan(0.045);
    expect(mean(sizes)).toBeGreaterThan(4);
    expect(mean(sizes)).toBeLessThan(5.5);
    expect(Math.max(...sizes)).toBeGreaterThan(400);
  });

  it('in time: a few milliseconds, and apart from them a tail of seconds', () => {
    const durations = calm.filter((trace) => trace.some((span) => span.startNs > 0n)).map(durationMs);
    expect(quantile(durations, 0.5)).toBeGreaterThan(1.5);
    expect(quantile(durations, 0.5)).toBeLessThan(4);
    expect(share(durations, (ms) => ms > 1000)).toBeGreaterThan(0.03);
    expect(share(durations, (ms) => ms > 1000)).toBeLessThan(0.045);
    expect(share(durations, (ms) => ms > 14_000)).toBeGreaterThan(0.003);
  });

  it('in errors: few, and mostly below a root that is none', () => {
    const broken = calm.filter((trace) => trace.some(failed));
    expect(share(calm, (trace) => trace.some(failed))).toBeGreaterThan(0.004);
    expect(share(calm, (trace) => trace.some(failed))).toBeLessThan(0.011);
    expect(share(broken, (trace) => failed(trace[0]))).toBeLessThan(0.4);
    expect(share(spans, failed)).toBeLessThan(0.004);
    expect(share(spans, (span) => span.status.code === 1)).toBeCloseTo(0.02, 2);
  });

  it('in requests: logins, uploads and the content route are always there', () => {
    expect(share(calm, (trace) => trace.some((span) => span.attributes['http.route'] === '/login'))).toBeCloseTo(
      0.03,
      1,
    );
    expect(share(calm, (trace) => trace.some((span) => span.attributes['url.path'] === '/upload'))).toBeCloseTo(
      0.015,
      1,
    );
    const content = spans.filter((span) => span.service === 'logic-router' && span.kind === 2);
    expect(content.every((span) => span.attributes['http.route'] === '/api/v1/content')).toBe(true);
    expect(content.length).toBeGreaterThan(100);
  });

  it('in oddities: traces without a root, zero times, ids used twice, short ids, names in every script', () => {
    expect(share(calm, rootless)).toBeGreaterThan(0.3);
    expect(share(calm, rootless)).toBeLessThan(0.5);
    expect(share(spans, (span) => span.startNs === span.endNs)).toBeCloseTo(0.07, 1);
    expect(spans.some((span) => span.startNs === 0n)).toBe(true);
    expect(share(calm, (trace) => new Set(trace.map((span) => span.spanId)).size < trace.length)).toBeGreaterThan(0);
    expect(share(calm, (trace) => trace[0].traceId.startsWith('0'.repeat(16)))).toBeCloseTo(0.005, 2);
    expect(share(spans, (span) => span.flags > 255)).toBeCloseTo(0.19, 1);
    for (const odd of [
      (span: DemoSpan) => /[^\x20-\x7e]/.test(span.name),
      (span: DemoSpan) => span.name.length > 400,
      (span: DemoSpan) => span.links.length > 0,
      (span: DemoSpan) => span.traceState !== '',
      (span: DemoSpan) => span.droppedAttributes > 0,
      (span: DemoSpan) => !('service.name' in span.resource.attributes),
      (span: DemoSpan) => span.parentSpanId === '0000000000000000',
    ]) {
      expect(spans.some(odd)).toBe(true);
      expect(share(spans, odd)).toBeLessThan(0.05);
    }
  });

  it('in conventions: old and new names side by side, Envoy with strings for numbers', () => {
    const types = (key: string) =>
      new Set(spans.flatMap((span) => (key in span.attributes ? [typeof span.attributes[key]] : [])));
    expect(types('http.status_code')).toEqual(new Set(['string', 'number']));
    expect(types('http.response.status_code')).toEqual(new Set(['number']));
    expect(
      share(
        spans.filter((span) => span.kind === 2),
        (span) => 'http.route' in span.attributes,
      ),
    ).toBeLessThan(0.15);
  });

  it('in bytes: about half a kilobyte a span', () => {
    const bytes = spans
      .filter((_, i) => i % 7 === 0)
      .map((span) => encodeRequest([{ ...span, resource: { attributes: {}, schemaUrl: '' } }]).length);
    expect(mean(bytes)).toBeGreaterThan(350);
    expect(mean(bytes)).toBeLessThan(620);
    expect(Math.max(...bytes)).toBeGreaterThan(2500);
  });

  it('in clocks: a quarter of the children lie partly outside their parents', () => {
    const outside = calm.flatMap((trace) => {
      const byId = new Map(trace.map((span) => [span.spanId, span]));
      return trace.flatMap((span) => {
        const parent = byId.get(span.parentSpanId);
        return parent && parent !== span ? [span.startNs < parent.startNs || span.endNs > parent.endNs] : [];
      });
    });
    expect(share(outside, Boolean)).toBeGreaterThan(0.18);
    expect(share(outside, Boolean)).toBeLessThan(0.35);
  });
});

describe('an incident', () => {
  const incident = traces('incident', 400);

  it('has long traces through many services', () => {
    const sizes = incident.map((trace) => trace.length);
    expect(mean(sizes)).toBeGreaterThan(45);
    expect(mean(sizes)).toBeLessThan(75);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(270);
    expect(
      quantile(
        incident.map((trace) => new Set(trace.map((span) => span.service)).size),
        0.9,
      ),
    ).toBeGreaterThan(7);
  });

  it('is slow and breaks in many places', () => {
    const durations = incident.map(durationMs);
    expect(quantile(durations, 0.5)).toBeGreaterThan(100);
    expect(quantile(durations, 0.5)).toBeLessThan(250);
    expect(share(durations, (ms) => ms > 1000)).toBeGreaterThan(0.06);
    expect(share(incident, (trace) => trace.some(failed))).toBeGreaterThan(0.25);
    expect(share(incident.flat(), failed)).toBeGreaterThan(0.05);
    expect(share(incident.flat(), failed)).toBeLessThan(0.12);
  });
});

describe('the generator', () => {
  it('makes the same traffic from the same seed, and other traffic from another', () => {
    expect(traces('calm', 50, 3)).toEqual(traces('calm', 50, 3));
    expect(traces('calm', 50, 3)).not.toEqual(traces('calm', 50, 4));
  });

  it('begins a trace about now', () => {
    for (const trace of traces('calm', 200)) {
      const first = trace.find((span) => span.startNs > 0n);
      if (first) expect(Math.abs(Number(first.startNs / 1_000_000n) - now)).toBeLessThan(60_000);
    }
  });

  it('can end a trace now instead: times move together, zeros stay', () => {
    for (const trace of traces('calm', 300)) {
      const moved = endingAt(trace, now);
      expect(moved.map(lengthMs)).toEqual(trace.map(lengthMs));
      expect(moved.map((span) => span.startNs === 0n)).toEqual(trace.map((span) => span.startNs === 0n));
      const ends = moved.filter((span) => span.endNs > 0n).map((span) => Number(span.endNs / 1_000_000n));
      if (ends.length > 0) expect(Math.max(...ends)).toBe(now);
    }
  });
});
