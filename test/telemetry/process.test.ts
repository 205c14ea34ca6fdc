import { setTimeout as passed } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { ProcessProbe } from '../../src/telemetry/process.ts';

const probe = new ProcessProbe(0);
afterEach(() => probe.close());

it('notices when the event loop was blocked, and tells so to more than one reader', async () => {
  await passed(50);
  const until = performance.now() + 120;
  while (performance.now() < until);
  await passed(50);
  const first = probe.read(16_000);
  const second = probe.read(17_000);
  const third = probe.read(32_000);
  for (const { loop } of [first, second, third]) expect(loop.delayMaxSeconds).toBeGreaterThan(0.08);
  expect(probe.read(33_000).loop.delayMaxSeconds).toBeLessThan(0.08);
  expect(first.cpu.user).toBeGreaterThan(0.05);
  expect(first.residentBytes).toBeGreaterThan(first.heapUsedBytes);
});
