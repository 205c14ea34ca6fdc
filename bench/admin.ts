/** Cumulative counts by upper bound in seconds. */
type Buckets = ReadonlyMap<number, number>;

export interface Delays {
  /** Of decisions: made minus due. The upper bound of the bucket that holds the 99th percentile. */
  readonly latenessP99Ms: number;
  /** As the gateway reports it, over its last window of 15 to 30 s. */
  readonly loopDelayP99Ms: number;
}

export interface Admin {
  waitingSpans(): Promise<number>;
  lateness(): Promise<Buckets>;
  delaysSince(before: Buckets): Promise<Delays>;
}

/** What the gateway says of itself on its admin port. */
export function adminOf(base: string): Admin {
  const metrics = async (): Promise<string> => (await fetch(`${base}/metrics`)).text();
  return {
    waitingSpans: async () => {
      const status = (await (await fetch(`${base}/api/status`)).json()) as { buffer: { spans: number } };
      return status.buffer.spans;
    },
    lateness: async () => bucketsOf(await metrics()),
    delaysSince: async (before) => {
      const text = await metrics();
      return { latenessP99Ms: p99(before, bucketsOf(text)) * 1000, loopDelayP99Ms: loopDelay(text) * 1000 };
    },
  };
}

function bucketsOf(text: string): Buckets {
  const buckets = new Map<number, number>();
  for (const [, bound, count] of text.matchAll(
    /^tailgate_decision_lateness_seconds_bucket\{[^\n]*le="([^"]+)"[^\n]*\} (\d+)/gm,
  )) {
    const le = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    buckets.set(le, (buckets.get(le) ?? 0) + Number(count));
  }
  return buckets;
}

function p99(before: Buckets, after: Buckets): number {
  const grown = [...after].map(([le, count]) => [le, count - (before.get(le) ?? 0)] as const).sort(([a], [b]) => a - b);
  const all = grown.at(-1)?.[1] ?? 0;
  return grown.find(([, count]) => count >= all * 0.99)?.[0] ?? Number.NaN;
}

/** The worst of all threads, where there are several. */
function loopDelay(text: string): number {
  const values = [...text.matchAll(/^tailgate_event_loop_delay_p99_seconds(?:\{[^}]*\})? (\S+)$/gm)];
  return Math.max(...values.map(([, value]) => Number(value)));
}
