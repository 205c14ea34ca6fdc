import { type DemoSpan, encodeRequest, endingAt, generateTrace, seeded } from '../../src/cli/demo/generate.ts';

/**
 * A trace of the demo's shop, and what the shipped rules must say of it, worked out from its spans and not by our own
 * code.
 */
export interface ShopTrace {
  readonly id: string;
  readonly spans: readonly DemoSpan[];
  /** The policy that keeps it, by the shipped rules at home; '' where none does. */
  readonly policy: '' | 'errors' | 'slow' | 'routes' | 'baseline';
}

/** 10 %: the least randomness that is kept. */
const tenPercent = 0xe6660000000000n;
const routes = /^([a-z]+:\/\/[^/]+)?\/(login|upload)([?#].*)?$/;
const routeKeys = ['http.route', 'url.path', 'http.target', 'url.full', 'http.url'];

/** Traces that ended before `now` (Unix ms). */
export function shopTraces(seed: number, count: number, now: number, profile?: 'incident'): ShopTrace[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => {
    const spans = endingAt(generateTrace(random, now, profile), now);
    return { id: spans[0].traceId, spans, policy: policyOf(spans) };
  });
}

function policyOf(spans: readonly DemoSpan[]): ShopTrace['policy'] {
  if (spans.some(({ status }) => status.code === 2)) return 'errors';
  if (spans.some(({ startNs, endNs }) => endNs - startNs > 500_000_000n)) return 'slow';
  if (spans.some(({ attributes }) => routeKeys.some((key) => routes.test(String(attributes[key] ?? '')))))
    return 'routes';
  return BigInt(`0x${spans[0].traceId.slice(18)}`) >= tenPercent ? 'baseline' : '';
}

/** The traffic as requests, each of one service's spans, at most `maxSpans` of them: a trace comes in pieces. */
export function shopRequests(traces: readonly ShopTrace[], maxSpans = 100): Uint8Array[] {
  const services = Map.groupBy(
    traces.flatMap(({ spans }) => spans),
    ({ service }) => service,
  );
  return [...services.values()].flatMap((spans) => {
    const batches = Array.from({ length: Math.ceil(spans.length / maxSpans) }, (_, i) =>
      spans.slice(i * maxSpans, (i + 1) * maxSpans),
    );
    return batches.map(encodeRequest);
  });
}
