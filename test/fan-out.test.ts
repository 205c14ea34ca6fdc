import { describe, expect, it } from 'vitest';
import { FanOut } from '../src/fan-out.ts';
import type { Exporter, ExporterStats, ExportRequest } from '../src/model/export-request.ts';
import { QueueShares } from '../src/model/queue-shares.ts';
import type { TenantPart } from '../src/model/tenant.ts';

const patienceMs = 5_000;

/** An exporter whose far end takes what the story lets it take. */
class HandExporter implements Exporter {
  readonly name: string;
  readonly queue: { request: ExportRequest; done: (() => void) | undefined }[] = [];
  readonly taken: ExportRequest[] = [];
  readonly stats: ExporterStats;
  hurried = false;
  closed = false;

  readonly #shares: QueueShares;

  constructor(name: string, queueLimitBytes: number, tenants?: readonly TenantPart[]) {
    this.name = name;
    this.#shares = new QueueShares(queueLimitBytes, tenants);
    this.stats = {
      exportedSpans: 0,
      exportedRequests: 0,
      queuedSpans: 0,
      queuedBytes: 0,
      queueLimitBytes,
      failedSpans: { queue_full: 0, shutdown: 0 },
      retries: 0,
      lastError: '',
      lastErrorAt: 0,
      lastSuccessAt: 0,
    };
  }

  partTaken(tenant: string): number {
    return this.#shares.partTaken(tenant);
  }

  offer(request: ExportRequest, done?: () => void): void {
    if (this.closed || this.stats.queuedBytes + request.body.length > this.stats.queueLimitBytes) {
      this.stats.failedSpans[this.closed ? 'shutdown' : 'queue_full'] += request.spans;
      done?.();
      return;
    }
    this.queue.push({ request, done });
    this.#shares.put(request);
    this.#count(request, 1);
  }

  /** The far end takes the first `n` requests. */
  takes(n = 1): void {
    for (const { request, done } of this.queue.splice(0, n)) {
      this.#count(request, -1);
      this.#shares.take(request);
      this.stats.exportedSpans += request.spans;
      this.taken.push(request);
      done?.();
    }
  }

  hurry(): void {
    this.hurried = true;
  }

  async drain(): Promise<void> {
    this.closed = true;
    this.takes(this.queue.length);
  }

  #count({ spans, body }: ExportRequest, sign: number): void {
    this.stats.queuedSpans += sign * spans;
    this.stats.queuedBytes += sign * body.length;
  }
}

const requestOf = (bytes: number, spans = 1): ExportRequest => ({ body: new Uint8Array(bytes), spans, traces: 1 });
const failed = ({ stats }: HandExporter) => stats.failedSpans;

/** Kept spans = exported + queued + failed, for each exporter, at every moment. */
function balance(fanOut: FanOut): void {
  for (const { name, stats } of fanOut.stats()) {
    const sum = Object.values(stats.failedSpans).reduce((a, b) => a + b, stats.exportedSpans + stats.queuedSpans);
    expect(sum, name).toBe(fanOut.offeredSpans);
  }
}

describe('at work', () => {
  it('an exporter without room gives up what comes, and holds back nobody', () => {
    const [slow, fast] = [new HandExporter('slow', 100), new HandExporter('fast', 1_000)];
    const fanOut = new FanOut([slow, fast]);
    for (let i = 0; i < 5; i++) fanOut.emit(requestOf(60), () => {});
    expect([slow.queue.length, fast.queue.length]).toEqual([1, 5]);
    expect(failed(slow).queue_full).toBe(4);
    balance(fanOut);
  });
});

describe('how far behind exporters are', () => {
  const halves = ['a', 'b'].map((name) => ({ name, share: 0.5 }));

  it('is told to the tenant that fills the queue, and not to who has little there', () => {
    const exporter = new HandExporter('x', 1_000, halves);
    const fanOut = new FanOut([exporter]);
    fanOut.pressure(0, ['a', 'b']);
    for (let i = 0; i < 9; i++) fanOut.emit({ ...requestOf(100), tenant: 'a' }, () => {});
    fanOut.emit({ ...requestOf(50), tenant: 'b' }, () => {});
    expect(fanOut.pressure(10, ['a', 'b'])).toEqual([0.95, 0.1]);
  });

  it('is no more than all of it, whosever it is', () => {
    const exporter = new HandExporter('x', 1_000, halves);
    const fanOut = new FanOut([exporter, new HandExporter('large', 1_000_000, halves)]);
    for (let i = 0; i < 6; i++) fanOut.emit({ ...requestOf(100), tenant: 'a' }, () => {});
    expect(fanOut.pressure(10, ['a', 'b'])).toEqual([0.6, 0]);
    const alone = new FanOut([new HandExporter('x', 1_000)]);
    for (let i = 0; i < 6; i++) alone.emit(requestOf(100), () => {});
    expect(alone.pressure(10, [''])).toEqual([0.6]);
  });
});

describe('while the gateway drains', () => {
  function draining(...exporters: HandExporter[]) {
    const fanOut = new FanOut(exporters);
    fanOut.beginDrain(0, patienceMs);
    return fanOut;
  }

  it('nobody pauses for long any more', () => {
    const exporter = new HandExporter('a', 100);
    draining(exporter);
    expect(exporter.hurried).toBe(true);
  });

  it('what does not fit waits for room, in order, and nothing is lost', () => {
    const exporter = new HandExporter('a', 100);
    const fanOut = draining(exporter);
    const requests = [60, 60, 10, 100].map((bytes) => requestOf(bytes));
    let reused = 0;
    for (const request of requests) fanOut.emit(request, () => reused++);
    expect(exporter.queue).toHaveLength(1);
    for (let now = 0; exporter.taken.length < 4; now++) {
      expect(fanOut.roomBytes(now)).toBe(0);
      balance(fanOut);
      exporter.takes();
      fanOut.roomBytes(now);
    }
    expect(exporter.taken).toEqual(requests);
    expect(failed(exporter)).toEqual({ queue_full: 0, shutdown: 0 });
    expect(reused).toBe(4);
    expect(fanOut.roomBytes(9)).toBe(100);
  });

  it('one that is larger than the whole queue is refused when its turn comes, not waited for', () => {
    const exporter = new HandExporter('a', 100);
    const fanOut = draining(exporter);
    fanOut.emit(requestOf(60), () => {});
    fanOut.emit(requestOf(101), () => {});
    exporter.takes();
    expect(fanOut.roomBytes(1)).toBe(100);
    expect(failed(exporter).queue_full).toBe(1);
    balance(fanOut);
  });

  it('a slow exporter that gets on is waited for, however long', () => {
    const [slow, fast] = [new HandExporter('slow', 100), new HandExporter('fast', 1_000)];
    const fanOut = draining(slow, fast);
    let now = 1_000;
    for (let i = 0; i < 20; i++) {
      fanOut.emit(requestOf(80), () => {});
      expect(fanOut.roomBytes(now)).toBe(0);
      now += patienceMs - 1;
      slow.takes();
      fast.takes();
      expect(fanOut.roomBytes(now)).toBeGreaterThan(0);
    }
    expect([slow.taken.length, fast.taken.length]).toEqual([20, 20]);
  });

  it('one that gets nowhere holds up the others for so long and no longer', () => {
    const [dead, healthy] = [new HandExporter('dead', 100), new HandExporter('healthy', 1_000)];
    const fanOut = draining(dead, healthy);
    fanOut.roomBytes(0);
    for (let i = 0; i < 3; i++) fanOut.emit(requestOf(60), () => {});
    healthy.takes(3);
    expect(fanOut.roomBytes(patienceMs - 1)).toBe(0);
    expect(fanOut.roomBytes(patienceMs)).toBe(1_000);
    expect(failed(dead).queue_full).toBe(2);
    fanOut.emit(requestOf(60), () => {});
    balance(fanOut);
    healthy.takes();
    expect(fanOut.roomBytes(patienceMs + 1)).toBe(1_000);
    expect(healthy.taken).toHaveLength(4);
  });

  it('one that gets nowhere and is alone is waited for: there is nobody else to serve', () => {
    const dead = new HandExporter('dead', 100);
    const fanOut = draining(dead);
    for (let i = 0; i < 3; i++) fanOut.emit(requestOf(60), () => {});
    expect(fanOut.roomBytes(100 * patienceMs)).toBe(0);
    expect(failed(dead)).toEqual({ queue_full: 0, shutdown: 0 });
  });

  it('the deadline comes: what still waits for room is offered to an exporter that is closed, and counted', async () => {
    const exporter = new HandExporter('a', 100);
    const fanOut = draining(exporter);
    for (let i = 0; i < 3; i++) fanOut.emit(requestOf(60), () => {});
    await fanOut.close(0);
    fanOut.emit(requestOf(60), () => {});
    expect(failed(exporter)).toEqual({ queue_full: 0, shutdown: 3 });
    expect(exporter.taken).toHaveLength(1);
    balance(fanOut);
  });
});

describe('a request that is for some exporters', () => {
  it('goes to these, counts as elsewhere for the others, and is free when these are done', () => {
    const exporters = ['a', 'b', 'c'].map((name) => new HandExporter(name, 1000));
    const fanOut = new FanOut(exporters);
    let freed = 0;
    const request = (exporters?: number): ExportRequest => ({
      body: new Uint8Array(10),
      spans: 3,
      traces: 1,
      ...(exporters !== undefined && { exporters }),
    });
    fanOut.emit(request(0b101), () => freed++);
    fanOut.emit(request(), () => freed++);
    fanOut.emit(request(0), () => freed++);
    expect(freed).toBe(1);
    expect(exporters.map(({ queue }) => queue.length)).toEqual([2, 1, 2]);
    for (const exporter of exporters) exporter.takes(2);
    expect(freed).toBe(3);
    const stats = fanOut
      .stats()
      .map(({ stats: { exportedSpans, elsewhereSpans = 0 } }) => [exportedSpans, elsewhereSpans]);
    expect(stats).toEqual([
      [6, 3],
      [3, 6],
      [6, 3],
    ]);
  });
});
