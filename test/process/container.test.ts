import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { idOf, requestBytes } from '../support/spans.ts';

const limitBytes = 512 << 20;

interface Group {
  readonly directory: string;
  readonly peakBytes: () => number;
}

/** A cgroup with this limit, where the system lets us make one; v1 or v2. */
function makeGroup(bytes: number): Group | undefined {
  const name = `tailgate-test-${process.pid}`;
  for (const [mount, limit, peak] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.max_usage_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max', 'memory.peak'],
  ]) {
    const directory = `${mount}/${name}`;
    try {
      readFileSync(`${mount}/cgroup.procs`);
      mkdirSync(directory);
      writeFileSync(`${directory}/${limit}`, `${bytes}`);
      return { directory, peakBytes: () => Number(readFileSync(`${directory}/${peak}`, 'utf8')) };
    } catch {
      // Not that version, or not ours to change.
    }
  }
  return undefined;
}

const group = makeGroup(limitBytes);

it.runIf(group)(
  'in a container of 512 MiB the defaults follow the limit, nothing warns, and no kind of load gets it killed',
  async () => {
    const { directory, peakBytes } = group as Group;
    const home = makeHome(
      { shards: 1, shutdown_timeout: '60s', buffer: { max_bytes: 'auto', decision_wait: '1m' } },
      '{ baseline_percent: 1 }',
    );
    onTestFinished(async () => {
      home[Symbol.dispose]();
      await eventually(async () => rmdirSync(directory));
    });
    const gateway = await startGatewayProcess({
      args: home.args,
      group: directory,
    });
    onTestFinished(() => gateway.kill());
    const { memory, buffer } = JSON.parse(await gateway.get('/api/status'));
    expect(memory.limitBytes).toBe(limitBytes);
    // Less what remembered decisions may take, a sixteenth.
    expect(buffer.limitBytes / (204 << 20)).toBeCloseTo(15 / 16, 2);
    // A fifth, and the young generation beside it.
    const [, heapLimit] = /^tailgate_process_heap_limit_bytes (\d+)$/m.exec(await gateway.get('/metrics'))!;
    expect(Number(heapLimit)).toBeGreaterThan(102 << 20);
    expect(Number(heapLimit)).toBeLessThan(300 << 20);
    expect(gateway.events('memory_too_small')).toEqual([]);
    for (const [padding, spans] of [
      [0, 2_000],
      [140_000, 20],
      [400, 500],
    ]) {
      const traces = Array.from({ length: spans }, (_, n) => `${padding} ${n}`);
      const body = Buffer.from(requestBytes(...traces.map((trace) => ({ trace, name: '', padding }))));
      const ids = traces.map((trace) => body.indexOf(idOf(trace, 16)));
      const headers = { 'content-type': 'application/x-protobuf' };
      for (const end = performance.now() + 6_000; performance.now() < end; ) {
        for (const at of ids) body.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at);
        const answer = await fetch(`http://${gateway.http}/v1/traces`, { method: 'POST', headers, body });
        expect([200, 503]).toContain(answer.status);
        await answer.arrayBuffer();
      }
      expect(peakBytes()).toBeLessThan(limitBytes);
    }
    expect(await gateway.stop()).toBe(0);
  },
  180_000,
);
