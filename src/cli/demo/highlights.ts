import { type DemoSpan, lastEndNs } from './span.ts';

interface Sight {
  readonly traceId: string;
  readonly endNs: bigint;
}

const kinds = {
  'an error': (spans: readonly DemoSpan[]) => spans.some((span) => span.status.code === 2),
  'a slow request': (spans: readonly DemoSpan[]) => spans.some((span) => span.endNs - span.startNs > 500_000_000n),
  'a login': (spans: readonly DemoSpan[]) => spans.some((span) => span.attributes['http.route'] === '/login'),
  'an upload': (spans: readonly DemoSpan[]) => spans.some((span) => span.attributes['url.path'] === '/upload'),
};
type SightKind = keyof typeof kinds;

/** Remembers traces worth a look: the newest few of each kind, so that one of them has ended when they are told. */
export class Highlights {
  readonly #sights = new Map<SightKind, Sight[]>();

  notice(spans: readonly DemoSpan[]): void {
    for (const kind of Object.keys(kinds) as SightKind[]) {
      if (spans.length < 3 || !kinds[kind](spans)) continue;
      const endNs = lastEndNs(spans);
      this.#sights.set(kind, [...(this.#sights.get(kind) ?? []), { traceId: spans[0].traceId, endNs }].slice(-10));
    }
  }

  /** Commands to try, one a line, for traces whose spans have all been sent by `now` (Unix ms). */
  advice(now: number): string {
    const nowNs = BigInt(Math.floor(now)) * 1_000_000n;
    const lines = [...this.#sights].flatMap(([kind, sights]) => {
      const ended = sights.findLast((sight) => sight.endNs <= nowNs);
      return ended ? [`  bin/obsctl trace show ${ended.traceId}   # ${kind}\n`] : [];
    });
    if (lines.length === 0) return '';
    return `When the gateway has decided (15s after a trace's first span, as shipped), try:\n${lines.join('')}`;
  }
}
