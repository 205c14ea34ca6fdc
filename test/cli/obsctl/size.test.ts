import { describe, expect, it } from 'vitest';
import { obsctl } from '../../../src/cli/obsctl/obsctl.ts';
import { type Load, sizeOf } from '../../../src/cli/obsctl/size/estimate.ts';

const load: Load = {
  spansPerSecond: 50_000,
  spanBytes: 450,
  waitMs: 15_000,
  spansPerTrace: 10,
  keptShare: 0.03,
  hasAgents: true,
  coresPerGateway: 2,
  kafkaRetentionMs: 3_600_000,
};

describe('what a load takes', () => {
  it('is, of 50,000 spans a second, two small gateways and 371 MB of waiting spans', () => {
    const it = sizeOf(load);
    expect(it.gateways).toBe(2);
    expect(it.waiting).toEqual({ spans: 750_000, bytes: 750_000 * 495 });
    expect(it.cores.needed).toBeCloseTo((50 / 669) * 2);
    expect(it.network).toEqual({ inBytes: 22_500_000, betweenBytes: 0, outBytes: 675_000 });
    // One gateway holds everything while the other is gone.
    expect(it.bufferBytes).toBeGreaterThan(it.waiting.bytes);
    expect(it.kafka).toEqual({ bytes: 22_500_000, partitions: 5, diskBytes: 22_500_000 * 3 * 3_600 });
  });

  it('grows as the load does', () => {
    const [small, large] = [sizeOf({ ...load, spansPerSecond: 1e6 }), sizeOf({ ...load, spansPerSecond: 1e7 })];
    expect(large.cores.deciding).toBeCloseTo(10 * small.cores.deciding);
    expect(large.waiting.bytes).toBeCloseTo(10 * small.waiting.bytes);
    expect((large.gateways - 1) * load.coresPerGateway).toBeGreaterThanOrEqual(large.cores.needed);
    expect(large.gateways).toBe(16);
  });

  it('is more without agents, as most spans reach another gateway first', () => {
    const [without, as] = [
      sizeOf({ ...load, spansPerSecond: 5e6, hasAgents: false }),
      sizeOf({ ...load, spansPerSecond: 5e6 }),
    ];
    expect(without.gateways).toBeGreaterThan(as.gateways);
    const { gateways, network, cores } = without;
    expect(network.betweenBytes).toBeCloseTo((network.inBytes * (gateways - 1)) / gateways);
    expect(cores.handing).toBeCloseTo((1.8 * cores.deciding * (gateways - 1)) / gateways);
  });

  it('counts large spans by their bytes', () => {
    expect(sizeOf({ ...load, spanBytes: 4_500 }).cores.deciding).toBeCloseTo(10 * sizeOf(load).cores.deciding);
    expect(sizeOf({ ...load, spanBytes: 100 }).cores.deciding).toBe(sizeOf(load).cores.deciding);
  });
});

describe('obsctl size', () => {
  async function ran(...argv: string[]) {
    let [out, err] = ['', ''];
    const io = {
      stdout: { write: (text: string) => (out += text) },
      stderr: { write: (text: string) => (err += text) },
      env: {},
      isTTY: false,
      now: () => 0,
      signal: new AbortController().signal,
    };
    const code = await obsctl(['size', ...argv], io as unknown as Parameters<typeof obsctl>[1]);
    return { code, out, err };
  }

  it('says it in lines, and in JSON with the load it is for', async () => {
    const { code, out } = await ran('--rate', '50k', '--span', '450', '--wait', '15s');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^gateways {2}2 of 2 cores, one of which may be gone\ncores {5}0\.15: 0\.075 deciding, at 50 %/,
    );
    expect(out).toContain('waiting   750,000 spans for 15 s: 354 MiB in all');
    const json = JSON.parse((await ran('--rate', '1.2M', '--no-agents', '-o', 'json')).out);
    expect(json.load).toMatchObject({ spansPerSecond: 1_200_000, spanBytes: 450, hasAgents: false });
    expect(json.size.gateways).toBeGreaterThan(2);
  });

  it.each([
    [['--rate', 'much'], '--rate much: expected a number from 1'],
    [['--rate', '1k', '--wait', '5'], '--wait 5: expected a duration'],
    [['--rate', '1k', '--span', '0'], '--span 0: expected a size'],
    [['--rate', '1k', '--kept', '101'], '--kept 101: expected a number from 0 to 100'],
    [[], "required option '--rate <spans>' not specified"],
  ])('%j is refused with 2', async (argv, message) => {
    const { code, err } = await ran(...argv);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});
