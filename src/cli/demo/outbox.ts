import type { Random } from './random.ts';
import type { DemoSpan } from './span.ts';

/** Spans of one service that leave together. */
export interface Batch {
  readonly service: string;
  readonly spans: readonly DemoSpan[];
}

/** What the batch processors of the SDKs do by default. */
const scheduleMs = 5000;
const maxBatchSpans = 512;

interface Queue {
  nextFlushAt: number;
  spans: DemoSpan[];
}

/**
 * One batch processor a service, each with its own phase: so a trace arrives in pieces, its root seldom last.
 * Times are Unix milliseconds and come from the caller.
 */
export class Outbox {
  readonly #random: Random;
  readonly #queues = new Map<string, Queue>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes the spans of a trace; none leaves before it has ended. */
  add(spans: readonly DemoSpan[], now: number): void {
    for (const span of spans) this.#queueOf(span.service, now).spans.push(span);
  }

  /** The batches that are due: every five seconds a service sends what has ended. */
  take(now: number): Batch[] {
    const batches: Batch[] = [];
    for (const [service, queue] of this.#queues) {
      if (now < queue.nextFlushAt) continue;
      queue.nextFlushAt += scheduleMs * Math.ceil((now - queue.nextFlushAt + 1) / scheduleMs);
      batches.push(...ended(service, queue, now));
    }
    return batches;
  }

  /** Everything that has ended, without waiting for the schedule. */
  flush(now: number): Batch[] {
    return [...this.#queues].flatMap(([service, queue]) => ended(service, queue, now));
  }

  /** Spans that have not left. */
  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.spans.length, 0);
  }

  #queueOf(service: string, now: number): Queue {
    let queue = this.#queues.get(service);
    if (!queue) this.#queues.set(service, (queue = { nextFlushAt: now + this.#random() * scheduleMs, spans: [] }));
    return queue;
  }
}

function ended(service: string, queue: Queue, now: number): Batch[] {
  const nowNs = BigInt(Math.floor(now)) * 1_000_000n;
  const ready = queue.spans.filter((span) => span.endNs <= nowNs);
  queue.spans = queue.spans.filter((span) => span.endNs > nowNs);
  const batches: Batch[] = [];
  for (let i = 0; i < ready.length; i += maxBatchSpans)
    batches.push({ service, spans: ready.slice(i, i + maxBatchSpans) });
  return batches;
}
