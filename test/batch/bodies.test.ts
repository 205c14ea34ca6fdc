import { expect, it } from 'vitest';
import { Batches } from '../../src/batch/batches.ts';
import { Bodies } from '../../src/batch/bodies.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';

const MiB = 1 << 20;

it('write a body where the last one was that came back', () => {
  const bodies = new Bodies(3 * MiB);
  const first = bodies.take(2_900_000);
  bodies.giveBack(first);
  const second = bodies.take(3_100_000);
  expect(second.buffer).toBe(first.buffer);
  expect(second).toHaveLength(3_100_000);
  expect(bodies.take(3_100_000).buffer).not.toBe(first.buffer);
});

it('pass over memory that is too small, and keep it', () => {
  const bodies = new Bodies(3 * MiB);
  const [small, large] = [bodies.take(1000), bodies.take(2 * MiB)];
  bodies.giveBack(large);
  bodies.giveBack(small);
  expect(bodies.take(MiB).buffer).toBe(large.buffer);
  expect(bodies.take(500).buffer).toBe(small.buffer);
});

it('let go what nobody has needed between two looks', () => {
  const bodies = new Bodies(3 * MiB);
  const burst = [1, 2, 3, 4].map(() => bodies.take(3 * MiB));
  for (const body of burst) bodies.giveBack(body);
  bodies.trim();
  const again = bodies.take(3 * MiB);
  bodies.giveBack(again);
  bodies.trim();
  const left = [1, 2, 3, 4]
    .map(() => bodies.take(3 * MiB).buffer)
    .filter((memory) => burst.some((b) => b.buffer === memory));
  expect(left).toHaveLength(1);
});

it('leave a body as it was emitted until everybody is done with it, however the others come and go', () => {
  const inUse: { readonly body: Uint8Array; readonly asEmitted: string }[] = [];
  const memories = new Set<ArrayBufferLike>();
  let emitted = 0;
  const emit = ({ body }: ExportRequest): void => {
    emitted++;
    memories.add(body.buffer);
    inUse.push({ body, asEmitted: Buffer.from(body).toString('hex') });
  };
  const copy = (
    out: { raw(bytes: Uint8Array, start: number, end: number): void },
    bytes: Uint8Array,
    s: number,
    e: number,
  ) => out.raw(bytes, s, e);
  const options = { maxBytes: 2000, maxSpans: 100, maxAgeMs: 1000 };
  const batches = new Batches(options, { resource: copy, scope: copy }, emit, 1);
  const nothing = new Uint8Array(0);
  for (let trace = 0; trace < 3000; trace++) {
    // Some go elsewhere, with the same memory.
    const batch = batches.of(trace % 3 === 0 ? 2 : -1);
    batch.begin(trace);
    const envelope = {
      resource: Uint8Array.of(0x0a, 1, trace % 5),
      resourceRest: nothing,
      scope: nothing,
      scopeRest: nothing,
    };
    const span = new Uint8Array(100 + (trace % 7) * 10).fill(trace % 251);
    const group = batch.group(envelope);
    batch.into(group).bytes(2, span);
    batch.added(group, envelope, trace);
    batch.end();
    // The exporters are done in an order of their own, with a few under way.
    while (inUse.length > trace % 4) {
      const [{ body, asEmitted }] = inUse.splice((trace * 7) % inUse.length, 1);
      expect(Buffer.from(body).toString('hex')).toBe(asEmitted);
      batches.reuse(body);
    }
  }
  expect(emitted).toBeGreaterThan(200);
  expect(memories.size).toBeLessThan(10);
});
