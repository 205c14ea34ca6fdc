import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { idOf, requestBytes } from '../support/spans.ts';

interface Memory {
  readonly parts: Record<string, number>;
  readonly sumBytes: number;
  readonly residentBytes: number;
  readonly idleBytes: number;
}

const maxBytesPerShard = 64 << 20;
/** What a shard keeps for requests that arrive, beside its buffer (docs/memory.md). */
const arrivingBytesPerShard = 16 << 20;
/** Garbage of requests: how much depends on how fast they come, up to the two halves of V8's young generation (bin/node). */
const youngBytes = 2 * (32 << 20);
/**
 * What no account can know: of the block of 4 MiB that each of four kinds has open in each shard, the system gives pages
 * when they are written to; and compiled code beside the heap.
 */
const floorOf = (shards: number): number => (16 + 16 * shards) << 20;
/**
 * What malloc may keep of what was freed, which no account can know either: a thread's buffers of its sockets go when
 * 32 MiB of them have piled up (V8's Heap::AllocateExternalBackingStore: twice the default semi-space), and one that
 * lives on above them keeps the room; the threads of store and compressors leave gaps as well. It does not grow with
 * the load.
 */
const keptOf = (shards: number): number => (24 + 32 * shards) << 20;

/** What is remembered of decisions, and V8's heap as it grew, which stay when all is gone. */
const leftOf = (shards: number): number => (16 + 24 * shards) << 20;

async function memoryOf(gateway: GatewayProcess): Promise<Memory> {
  return (JSON.parse(await gateway.get('/api/status')) as { memory: Memory }).memory;
}

/** Resident bytes of malloc's heaps: the main one, and the others, at multiples of 64 MiB (glibc's HEAP_MAX_SIZE). */
function mallocBytes(gateway: GatewayProcess): number {
  const maps = readFileSync(`/proc/${gateway.pid}/smaps`, 'utf8').matchAll(
    /^(\w+)-\w+ \S+ \S+ \S+ (\d+) *(.*)\n(?:Size.*\n|KernelPageSize.*\n|MMUPageSize.*\n)*Rss: +(\d+) kB/gm,
  );
  let bytes = 0;
  for (const [, start, inode, name, residentKilobytes] of maps) {
    const isArena = inode === '0' && name === '' && Number.parseInt(start!, 16) % (64 << 20) === 0;
    if (name === '[heap]' || isArena) bytes += Number(residentKilobytes) * 1024;
  }
  return bytes;
}

/** The account beside what the kernel says, of which `idleMallocBytes` were malloc's before any load. */
async function check(gateway: GatewayProcess, shards: number, when: string, idleMallocBytes: number): Promise<Memory> {
  const memory = await memoryOf(gateway);
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) * 1024;
  const { store, queues, batches } = memory.parts;
  const kept = Math.max(0, mallocBytes(gateway) - idleMallocBytes - store - queues - batches);
  const above = resident - memory.idleBytes - kept;
  const error = Math.abs(memory.sumBytes - above);
  const told = `${when}: ${memory.sumBytes} accounted for, ${above} above idle and ${kept} that malloc keeps, ${JSON.stringify(memory.parts)}`;
  expect(kept, told).toBeLessThanOrEqual(keptOf(shards));
  expect(error, told).toBeLessThanOrEqual(Math.max(floorOf(shards), 0.1 * Math.max(memory.sumBytes, above)));
  const { inflight, segments, rows, traces, index, spare, heap, decisions } = memory.parts;
  expect(inflight + segments + rows + traces + index + spare, told).toBeLessThanOrEqual(
    shards * (maxBytesPerShard + arrivingBytesPerShard),
  );
  expect(heap, told).toBeLessThanOrEqual(youngBytes);
  // As much again as the tolerance: the collector's part of what comes and goes.
  expect(above - heap - store - decisions, told).toBeLessThanOrEqual(
    1.1 * shards * (maxBytesPerShard + arrivingBytesPerShard) + floorOf(shards),
  );
  return memory;
}

/** Requests and where in them trace ids stand, which begin anew each time one is sent. */
function requests(padding: number, spans: number): { readonly body: Buffer; readonly ids: readonly number[] }[] {
  return Array.from({ length: 4 }, (_, i) => {
    const traces = Array.from({ length: spans }, (_, n) => `${padding} ${i} ${n}`);
    const body = Buffer.from(requestBytes(...traces.map((trace) => ({ trace, name: '', padding }))));
    return { body, ids: traces.map((trace) => body.indexOf(idOf(trace, 16))) };
  });
}

async function load(gateway: GatewayProcess, padding: number, spans: number, forMs: number): Promise<void> {
  const made = requests(padding, spans);
  const end = performance.now() + forMs;
  // Who overloads it is told to come again, and does: a load that changes must have come to count.
  let taken = 0;
  for (let n = 0; performance.now() < end || taken < 200; n++) {
    const { body, ids } = made[n % made.length];
    for (const at of ids) body.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at);
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`http://${gateway.http}/v1/traces`, { method: 'POST', headers, body });
    await answer.arrayBuffer();
    if (answer.ok) taken++;
    else await sleep(50);
  }
}

it.each([1, 2])(
  'with %d shards, what is held is what the process takes, while load comes, changes and goes',
  async (shards) => {
    // Batches of the usual 3 MiB are freed into malloc's own heap, which keeps tens of megabytes of it (docs/memory.md).
    const batch = { max_bytes: '256KiB' };
    const buffer = { max_bytes: shards * maxBytesPerShard, decision_wait: '4s' };
    const home = makeHome({ shards, buffer, batch }, '{ baseline_percent: 1 }');
    onTestFinished(() => home[Symbol.dispose]());
    const gateway = await startGatewayProcess({ args: home.args, env: { NODE_OPTIONS: '--max-old-space-size=200' } });
    onTestFinished(() => gateway.kill());
    // What the start left is collected, and the process is idle.
    await sleep(4_000);
    const idleMallocBytes = mallocBytes(gateway);
    const look = (when: string): Promise<Memory> => check(gateway, shards, when, idleMallocBytes);
    await look('idle');
    await load(gateway, 0, 1_000, 3_000);
    const up = await look('load comes');
    expect(up.parts.traces + up.parts.rows + up.parts.index).toBeGreaterThan(up.parts.segments);
    await load(gateway, 0, 1_000, 5_000);
    await look('load stays');
    await load(gateway, 140_000, 8, 5_000);
    const changed = await look('load changes');
    expect(changed.parts.segments).toBeGreaterThan(changed.parts.traces + changed.parts.rows);
    // Each thread that knew a slab must have collected before the system has it back.
    await eventually(() => look('load went'), 30_000);
    await eventually(async () => {
      const gone = await look('a while later');
      const { segments, rows, traces, index, inflight } = gone.parts;
      expect([segments, rows, traces, index, inflight]).toEqual([0, 0, 0, 0, 0]);
      expect(gone.sumBytes).toBeLessThan(leftOf(shards));
    }, 90_000);
  },
  300_000,
);
