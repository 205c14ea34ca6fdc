import type { Exporter, ExporterStats, ExportRequest } from '../model/export-request.ts';
import type { QueueShares } from '../model/queue-shares.ts';
import type { Books } from './books.ts';
import type { ExportClock } from './clock.ts';
import type { Closing } from './retry.ts';

interface QueueOptions {
  readonly name: string;
  /** Of uncompressed bodies, those in flight included. */
  readonly maxBytes: number;
  /** How many requests are under way at once. */
  readonly consumers: number;
  readonly shares: QueueShares;
}

/** What stands behind the queue. */
interface Delivery {
  /** Brings a request to its end, whatever it takes, and books it. Never throws. */
  readonly deliver: (request: ExportRequest) => Promise<void>;
  /** After that: may an attempt that was given up still look at the bytes? */
  readonly isInUse: (request: ExportRequest) => boolean;
  readonly closing: Closing;
  /** Called last, when nothing is under way any more. */
  readonly close: () => void;
}

interface Waiting {
  readonly request: ExportRequest;
  readonly done: (() => void) | undefined;
  readonly ended: (() => void) | undefined;
}

/** First in, first out, bounded in bytes. When it is full the newest request is given up, and the books say so. */
export class Queue implements Exporter {
  readonly name: string;
  readonly stats: ExporterStats;
  readonly #options: QueueOptions;
  readonly #delivery: Delivery;
  readonly #books: Books;
  readonly #clock: ExportClock;
  readonly #waiting: Waiting[] = [];
  readonly #drained = Promise.withResolvers<void>();
  #inFlight = 0;
  #open = true;

  constructor(options: QueueOptions, delivery: Delivery, books: Books, clock: ExportClock) {
    this.name = options.name;
    this.stats = books.stats;
    this.#options = options;
    this.#delivery = delivery;
    this.#books = books;
    this.#clock = clock;
  }

  partTaken(tenant: string): number {
    return this.#options.shares.partTaken(tenant);
  }

  offer(request: ExportRequest, done?: () => void, ended?: () => void): void {
    const { maxBytes, shares } = this.#options;
    const room = maxBytes - this.stats.queuedBytes;
    const givingWay = this.#open ? shares.givingWay(request, this.#waiting, room) : undefined;
    if (givingWay !== undefined) {
      for (const one of givingWay) this.#giveUp(one);
      this.#books.enqueued(request);
      shares.put(request);
      this.#waiting.push({ request, done, ended });
      this.#start();
      return;
    }
    if (this.#open) this.#refuse(request);
    else this.#books.failed('shutdown', request.spans, 'offered after the exporter was shut down');
    ended?.();
    done?.();
  }

  hurry(): void {
    this.#delivery.closing.hurry.abort();
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#open = false;
    this.hurry();
    const callOff = this.#clock.after(Math.max(0, deadlineMs - this.#clock.monotonicMs()), () => this.#abandon());
    this.#settleDrain();
    await this.#drained.promise;
    callOff();
    this.#delivery.close();
  }

  #refuse(request: ExportRequest): void {
    const room = this.#options.maxBytes - this.stats.queuedBytes;
    const need = `${request.body.length} bytes offered, ${room} of queue.max_bytes ${this.#options.maxBytes} free`;
    this.#books.failed('queue_full', request.spans, `queue full: ${need}`);
  }

  #giveUp(one: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(one), 1);
    this.#books.gaveWay(one.request);
    this.#release(one.request);
    one.ended?.();
    one.done?.();
  }

  #start(): void {
    while (this.#inFlight < this.#options.consumers && this.#waiting.length > 0) {
      this.#inFlight++;
      void this.#consume(this.#waiting.shift()!);
    }
  }

  async #consume({ request, done, ended }: Waiting): Promise<void> {
    await this.#delivery.deliver(request);
    this.#inFlight--;
    this.#release(request);
    ended?.();
    if (!this.#delivery.isInUse(request)) done?.();
    this.#start();
    this.#settleDrain();
  }

  #release(request: ExportRequest): void {
    this.#books.released(request);
    this.#options.shares.take(request);
  }

  #settleDrain(): void {
    if (!this.#open && this.#inFlight === 0) this.#drained.resolve();
  }

  /** The deadline has come: what waits is given up, what is under way is cut off. */
  #abandon(): void {
    const message = 'the shutdown deadline came before it was sent';
    for (const { request, ended } of this.#waiting.splice(0)) {
      this.#books.settled(request, { kind: 'shutdown', message });
      this.#release(request);
      ended?.();
    }
    this.#delivery.closing.stop.abort();
  }
}
