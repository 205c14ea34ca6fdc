import { everyExporter } from './model/destinations.ts';
import type { Exporter, ExporterStats, ExportRequest } from './model/export-request.ts';

interface Held {
  readonly request: ExportRequest;
  readonly done: () => void;
  readonly ended: () => void;
}

/** Requests that were emitted one after the other, of which some are on their way. */
interface Epoch {
  underWay: number;
  readonly over: (() => void)[];
}

/** Reasons of failures that another try would not mend; all others pass. */
const forGood: ReadonlySet<string> = new Set(['rejected', 'too_large', 'partial']);

const getsNowhereMs = 5_000;

/** What the fan-out knows of one exporter. */
class Exit {
  readonly exporter: Exporter;
  /** Of requests that were for others only. */
  elsewhereSpans = 0;
  /** Requests that wait for room in its queue; only while the gateway drains. */
  readonly held: Held[] = [];
  heldSpans = 0;
  heldBytes = 0;
  /** When it was last seen to have room, or to have brought something to an end, by the monotonic clock. */
  progressAt = 0;
  #endedSpans = 0;

  constructor(exporter: Exporter) {
    this.exporter = exporter;
  }

  fits({ body }: ExportRequest): boolean {
    const { queuedBytes, queueLimitBytes } = this.exporter.stats;
    // One that is larger than the whole queue waits for its turn, and is refused then: the books must say so.
    return queuedBytes === 0 || queuedBytes + body.length <= queueLimitBytes;
  }

  hold(held: Held): void {
    this.held.push(held);
    this.heldSpans += held.request.spans;
    this.heldBytes += held.request.body.length;
  }

  /** Offers what waits, first come first, as long as it fits; all of it where `all` is true. */
  release(all: boolean): void {
    while (this.held.length > 0 && (all || this.fits(this.held[0].request))) {
      const { request, done, ended } = this.held.shift()!;
      this.heldSpans -= request.spans;
      this.heldBytes -= request.body.length;
      this.exporter.offer(request, done, ended);
    }
  }

  /** Notes whether it got anywhere; who has nothing to do is not late. */
  look(now: number): void {
    const { exportedSpans, failedSpans } = this.exporter.stats;
    // What never came into the queue is no step forward.
    const { queue_full: _, ...answered } = failedSpans;
    const endedSpans = Object.values(answered).reduce((sum, spans) => sum + spans, exportedSpans);
    if (endedSpans !== this.#endedSpans || !this.isBehind) this.progressAt = now;
    this.#endedSpans = endedSpans;
  }

  /** How full its queue is; 0 where it gets nowhere at all: then less to send would be of no use. */
  pressure(now: number, silentMs: number): number {
    this.look(now);
    const { queuedBytes, queueLimitBytes } = this.exporter.stats;
    return now - this.progressAt < silentMs ? queuedBytes / queueLimitBytes : 0;
  }

  get isBehind(): boolean {
    const { queuedBytes, queueLimitBytes } = this.exporter.stats;
    return this.held.length > 0 || queuedBytes > queueLimitBytes / 2;
  }
}

/**
 * Hands every request to every exporter that it is for. At work an exporter whose queue is full gives the request up, so that it holds
 * back nobody; while the gateway drains, when nobody waits any more but for the end, the request waits here for room.
 */
export class FanOut {
  offeredSpans = 0;
  readonly #exits: readonly Exit[];
  #patienceMs = 0;
  #draining = false;
  /** Of what is on its way, the oldest first; the last one is open. */
  readonly #epochs: Epoch[] = [{ underWay: 0, over: [] }];

  constructor(exporters: readonly Exporter[]) {
    this.#exits = exporters.map((exporter) => new Exit(exporter));
  }

  /** Calls `reuse` when every exporter is done with the body. */
  emit(request: ExportRequest, reuse: () => void): void {
    this.offeredSpans += request.spans;
    const { exporters = everyExporter, spans } = request;
    const exits = this.#exits.filter((_, at) => (exporters & (1 << at)) !== 0);
    for (const exit of this.#exits) if (!exits.includes(exit)) exit.elsewhereSpans += spans;
    let users = exits.length;
    if (users === 0) reuse();
    const done = (): void => {
      if (--users === 0) reuse();
    };
    const epoch = this.#epochs.at(-1) as Epoch;
    epoch.underWay += exits.length;
    const ended = (): void => {
      epoch.underWay--;
      this.#closeEpochs();
    };
    for (const exit of exits) {
      if (this.#draining && (exit.held.length > 0 || !exit.fits(request))) exit.hold({ request, done, ended });
      else exit.exporter.offer(request, done, ended);
    }
  }

  /** Whether every exporter that the request is for has room for it now. */
  hasRoomFor(request: ExportRequest): boolean {
    const { exporters = everyExporter } = request;
    return !this.#draining && this.#exits.every((exit, at) => (exporters & (1 << at)) === 0 || exit.fits(request));
  }

  /** Resolves when every exporter is done with all that was emitted by now, whatever came of it. */
  ended(): Promise<void> {
    const open = this.#epochs.at(-1) as Epoch;
    return new Promise((resolve) => {
      open.over.push(resolve);
      this.#epochs.push({ underWay: 0, over: [] });
      this.#closeEpochs();
    });
  }

  /** Spans that failed so far for a reason that passes. */
  get passinglyFailedSpans(): number {
    const failed = this.#exits.flatMap(({ exporter }) => Object.entries(exporter.stats.failedSpans));
    return failed.reduce((sum, [reason, spans]) => sum + (forGood.has(reason) ? 0 : spans), 0);
  }

  #closeEpochs(): void {
    while (this.#epochs.length > 1 && this.#epochs[0].underWay === 0)
      for (const over of this.#epochs.shift()!.over) over();
  }

  /**
   * How full the queue is of the exporter that is furthest behind, of those that brought something to an end lately: for
   * each of the tenants, for whom it is no fuller than its part.
   */
  pressure(now: number, tenants: readonly string[]): number[] {
    const exits = this.#exits.map((exit) => ({ exporter: exit.exporter, all: exit.pressure(now, getsNowhereMs) }));
    return tenants.map((name) =>
      Math.max(0, ...exits.map(({ exporter, all }) => Math.min(all, exporter.partTaken(name)))),
    );
  }

  /** What the exporters count; what waits here is theirs too. */
  stats(): { readonly name: string; readonly stats: ExporterStats }[] {
    return this.#exits.map(({ exporter: { name, stats }, elsewhereSpans, heldSpans, heldBytes }) => {
      const copy = structuredClone(stats);
      if (elsewhereSpans > 0) copy.elsewhereSpans = elsewhereSpans;
      copy.queuedSpans += heldSpans;
      copy.queuedBytes += heldBytes;
      return { name, stats: copy };
    });
  }

  /** From now on what does not fit waits, and nobody pauses for long between two tries. */
  beginDrain(now: number, patienceMs: number): void {
    this.#draining = true;
    this.#patienceMs = patienceMs;
    for (const exit of this.#exits) {
      exit.progressAt = now;
      exit.exporter.hurry();
    }
  }

  /**
   * Offers what fits by now. Says how many bytes may be decided next; 0 while an exporter must be waited for. One that
   * got nowhere for `patienceMs` holds up the others no longer, unless there are no others: what its queue has no room
   * for, it gives up.
   */
  roomBytes(now: number): number {
    for (const exit of this.#exits) {
      exit.release(false);
      exit.look(now);
    }
    const waitedFor = this.#exits.filter((exit) => now - exit.progressAt < this.#patienceMs);
    const asked = waitedFor.length > 0 ? waitedFor : this.#exits;
    if (asked.some((exit) => exit.isBehind)) return 0;
    for (const exit of this.#exits) exit.release(!asked.includes(exit));
    return Math.min(...asked.map(({ exporter: { stats } }) => stats.queueLimitBytes - stats.queuedBytes));
  }

  /**
   * Takes nothing more. Resolves when every exporter has sent what it has, at `deadlineMs` of the monotonic clock at
   * the latest.
   */
  async close(deadlineMs: number): Promise<void> {
    const drained = this.#exits.map(({ exporter }) => exporter.drain(deadlineMs));
    this.#draining = false;
    for (const exit of this.#exits) exit.release(true);
    await Promise.all(drained);
  }
}
