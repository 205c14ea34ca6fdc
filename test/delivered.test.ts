import { describe, expect, it } from 'vitest';
import { deliveries } from '../src/delivered.ts';
import { FanOut } from '../src/fan-out.ts';
import type { Exporter, ExporterStats, ExportRequest } from '../src/model/export-request.ts';

/** An exporter that gives up whatever it is offered, while it is away. */
class AwayExporter implements Exporter {
  readonly name = 'away';
  isAway = true;
  readonly stats: ExporterStats = {
    exportedSpans: 0,
    exportedRequests: 0,
    queuedSpans: 0,
    queuedBytes: 0,
    queueLimitBytes: 1 << 20,
    failedSpans: { expired: 0, rejected: 0 },
    retries: 0,
    lastError: '',
    lastErrorAt: 0,
    lastSuccessAt: 0,
  };

  offer({ spans }: ExportRequest, done?: () => void, ended?: () => void): void {
    if (this.isAway) this.stats.failedSpans.expired! += spans;
    else this.stats.exportedSpans += spans;
    ended?.();
    done?.();
  }

  partTaken = (): number => 1;
  hurry(): void {}
  drain = (): Promise<void> => Promise.resolve();
}

const request = (spans: number): ExportRequest => ({ body: new Uint8Array(1), spans, traces: 1 });

function story(): { exporter: AwayExporter; fanOut: FanOut; delivered: (shard: number) => Promise<boolean> } {
  const exporter = new AwayExporter();
  const fanOut = new FanOut([exporter]);
  return { exporter, fanOut, delivered: deliveries({ flush: () => Promise.resolve() }, fanOut) };
}

describe('spans that failed for a reason that passes', () => {
  it('are told to every shard that reads, whichever asks first: any of them may have read them', async () => {
    const { exporter, fanOut, delivered } = story();
    expect(await Promise.all([delivered(0), delivered(1)])).toEqual([true, true]);
    fanOut.emit(request(3), () => {});
    exporter.isAway = false;
    expect(await Promise.all([delivered(1), delivered(0)])).toEqual([false, false]);
    // Each once: what was read again goes its own way.
    expect(await Promise.all([delivered(0), delivered(1)])).toEqual([true, true]);
    expect(await delivered(2)).toBe(false);
  });

  it('are not those that were refused for good', async () => {
    const { exporter, delivered } = story();
    exporter.stats.failedSpans.rejected = 5;
    expect(await delivered(0)).toBe(true);
  });
});
