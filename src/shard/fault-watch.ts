import type { SpanPlace, TraceFacts } from '../model/predicates.ts';
import type { FaultCount, FaultNews } from '../model/stats.ts';
import type { PolicySet, WatchedCondition } from '../model/verdict.ts';

/** Ten traces a second are looked at, of each some spans, and some conditions of each: a few milliseconds a second. */
const everyMs = 100;
const mostSpans = 16;
const mostConditions = 16;
/** Bytes of spans and resources that are looked through for one trace: 0.3 ms at worst. */
const mostBytes = 32 * 1024;
/** One condition is told of as rarely as it should be read. */
const tellEveryMs = 60_000;
/** News that nobody has taken yet, and conditions whose last news are remembered. */
const mostNews = 32;
const mostRemembered = 4096;

/**
 * Looks for conditions of the rules that have no value of the spans that come, an error to the Collector: on a sample of
 * the traces that are decided, so that the path itself need not ask.
 */
export class FaultWatch {
  readonly #counts = new Map<string, { asked: number; faults: number }>();
  readonly #toldAt = new Map<string, number>();
  #news: FaultNews[] = [];
  #nextAt = 0;
  /** The first condition of those that are to be asked next: each has its turn. */
  #turn = 0;

  /** Bytes that were looked through. To be asked while the trace's spans are there. */
  look({ watched }: PolicySet, { trace, now }: Pick<TraceFacts, 'trace' | 'now'>): number {
    if (watched.length === 0 || now < this.#nextAt) return 0;
    this.#nextAt = now + everyMs;
    const conditions = this.#take(watched);
    let [spans, bytes] = [0, 0];
    const visit = (span: SpanPlace): boolean => {
      bytes += (span.end - span.start) * conditions.length;
      for (const condition of conditions) this.#ask(condition, span, now);
      return ++spans < mostSpans && bytes < mostBytes;
    };
    trace.forEach(visit);
    return bytes;
  }

  entries(): FaultCount[] {
    return [...this.#counts].map(([policy, { asked, faults }]) => ({ policy, asked, faults }));
  }

  takeNews(): readonly FaultNews[] {
    const news = this.#news;
    if (news.length > 0) this.#news = [];
    return news;
  }

  #take(watched: readonly WatchedCondition[]): readonly WatchedCondition[] {
    const n = Math.min(watched.length, mostConditions);
    const from = this.#turn;
    this.#turn = (from + n) % watched.length;
    return Array.from({ length: n }, (_, i) => watched[(from + i) % watched.length]);
  }

  #ask({ policy, test }: WatchedCondition, span: SpanPlace, now: number): void {
    const counts = this.#of(policy);
    counts.asked++;
    if (!test.isFault(span)) return;
    counts.faults++;
    if (!test.isSilent) this.#tell(policy, test.condition, () => test.why(span), now);
  }

  #tell(policy: string, condition: string, why: () => string, now: number): void {
    const key = JSON.stringify([policy, condition]);
    const toldAt = this.#toldAt.get(key);
    if ((toldAt !== undefined && now - toldAt < tellEveryMs) || this.#news.length >= mostNews) return;
    if (this.#toldAt.size >= mostRemembered) this.#toldAt.clear();
    this.#toldAt.set(key, now);
    this.#news.push({ policy, condition, why: why() });
  }

  #of(policy: string): { asked: number; faults: number } {
    let counts = this.#counts.get(policy);
    if (counts === undefined) this.#counts.set(policy, (counts = { asked: 0, faults: 0 }));
    return counts;
  }
}
