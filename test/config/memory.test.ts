import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { coreLimit, memoryLimit, wholeCores } from '../../src/config/container-limits.ts';
import { loadBoot } from '../../src/config/load.ts';
import { whyItDoesNotFit } from '../../src/config/memory-fit.ts';

const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;
const limitIn = (files: Record<string, string>) => memoryLimit((path) => files[path]);

describe('the memory that the container allows', () => {
  it.each<[string, Record<string, string>, number | undefined]>([
    ['v2, in the container', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '2147483648\n' }, 2 ** 31],
    ['v2 without a limit', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }, undefined],
    [
      'v2 in a group below one with less',
      {
        '/proc/self/cgroup': '0::/kubepods.slice/pod-1/tailgate\n',
        '/sys/fs/cgroup/memory.max': 'max\n',
        '/sys/fs/cgroup/kubepods.slice/memory.max': '8589934592\n',
        '/sys/fs/cgroup/kubepods.slice/pod-1/memory.max': '536870912\n',
        '/sys/fs/cgroup/kubepods.slice/pod-1/tailgate/memory.max': '1073741824\n',
      },
      512 * mebibyte,
    ],
    [
      'v1, with the path of the host and the group where it is mounted',
      {
        '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/x\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '1073741824\n',
      },
      gibibyte,
    ],
    [
      'v1 without a limit',
      {
        '/proc/self/cgroup': '5:memory:/a\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '9223372036854771712\n',
      },
      undefined,
    ],
    [
      'v1 below a group with a limit',
      {
        '/proc/self/cgroup': '5:hugetlb,memory:/a/b\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '268435456\n',
        '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': '9223372036854771712\n',
      },
      256 * mebibyte,
    ],
    [
      'a path that leads out of what is mounted',
      { '/proc/self/cgroup': '0::/../../other\n', '/sys/fs/cgroup/memory.max': '1073741824' },
      gibibyte,
    ],
    ['no cgroups', {}, undefined],
    ['nonsense', { '/proc/self/cgroup': ':\n0::\nx', '/sys/fs/cgroup/memory.max': '-1' }, undefined],
  ])('%s', (_, files, expected) => {
    expect(limitIn(files)).toBe(expected);
    expect(heapMegabytesIn(files)).toBe(
      expected === undefined ? '' : `${Math.max(64, Math.floor(expected / 5 / mebibyte))}\n`,
    );
  });
});

/** What the programs that start the gateway make of the same files. */
function heapMegabytesIn(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'tailgate-cgroup-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return execFileSync(fileURLToPath(new URL('../../bin/heap-megabytes', import.meta.url)), [root], {
    encoding: 'utf8',
  });
}

describe('the cores that the container allows', () => {
  const v2 = (text: string) => ({ '/proc/self/cgroup': '0::/pod/app\n', '/sys/fs/cgroup/pod/app/cpu.max': text });
  it.each<[string, Record<string, string>, number | undefined, number]>([
    ['v2, one and a half', v2('150000 100000\n'), 1.5, 1],
    ['v2, two and a half', v2('250000 100000\n'), 2.5, 2],
    ['v2, less than one', v2('10000 100000\n'), 0.1, 1],
    ['v2, more than there are', v2('6400000 100000\n'), 64, 8],
    ['v2 without a limit', v2('max 100000\n'), undefined, 8],
    ['v2 below a group with less', { ...v2('400000 100000\n'), '/sys/fs/cgroup/pod/cpu.max': '300000 100000\n' }, 3, 3],
    [
      'v1',
      {
        '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n0::/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '50000\n',
      },
      4,
      4,
    ],
    [
      'v1 without a limit',
      {
        '/proc/self/cgroup': '2:cpu:/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      undefined,
      8,
    ],
    ['no cgroups', {}, undefined, 8],
    ['nonsense', v2('0 0\n'), undefined, 8],
  ])('%s', (_, files, limit, shards) => {
    expect(coreLimit((path) => files[path])).toBe(limit);
    expect(wholeCores(8, limit)).toBe(shards);
  });
});

const load = (text: string, memoryLimitBytes?: number) => {
  const result = loadBoot(text, { file: '/etc/gateway.yaml', env: {}, cwd: '/srv', memoryLimitBytes });
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
};
const sizesOf = ({ buffer, receive, export: exporters }: ReturnType<typeof load>) => ({
  buffer: buffer.maxBytes / mebibyte,
  inflight: receive.maxInflightBytes / mebibyte,
  queues: exporters.map((each) => ('queue' in each ? each.queue.maxBytes / mebibyte : null)),
});
const two =
  'receive: { http: {} }\nexport: [{ name: a, otlp: { endpoint: "http://a:4317" } }, { name: b, store: {} }]\n';

describe('sizes that nobody set', () => {
  it('follow the limit of the container', () => {
    expect(sizesOf(load(two, 2 * gibibyte))).toEqual({ buffer: 819, inflight: 204, queues: [307, null] });
    expect(sizesOf(load(`${two}buffer: { max_bytes: auto }`, 512 * mebibyte))).toEqual({
      buffer: 204,
      inflight: 64,
      queues: [76, null],
    });
  });

  it('are what they always were without one', () => {
    const usual = { buffer: 512, inflight: 256, queues: [256, null] };
    expect(sizesOf(load(two))).toEqual(usual);
    expect(sizesOf(load(`${two}buffer: { max_bytes: auto, decision_wait: 1s }`))).toEqual(usual);
  });

  it('follow it also where their whole block is left out', () => {
    const least = load('export: [{ name: b, store: {} }]', 512 * mebibyte);
    expect(sizesOf(least)).toEqual({ buffer: 204, inflight: 64, queues: [null] });
    expect(Object.keys(least.receive)).toEqual(expect.arrayContaining(['grpc', 'http']));
  });

  it('leave those alone that somebody set', () => {
    const set =
      'receive: { http: {}, max_inflight_bytes: 100MiB }\nbuffer: { max_bytes: 1GiB }\n' +
      'export: [{ name: a, otlp: { endpoint: "http://a:4317" }, queue: { max_bytes: 10MiB } }]\n';
    expect(sizesOf(load(set, 512 * mebibyte))).toEqual({ buffer: 1024, inflight: 100, queues: [10] });
  });

  it('fit what must fit into them', () => {
    const large =
      'receive: { http: {}, max_request_bytes: 300MiB }\nbatch: { max_bytes: 100MiB }\n' +
      'export: [{ name: a, otlp: { endpoint: "http://a:4317" } }]\n';
    expect(sizesOf(load(large, 512 * mebibyte))).toMatchObject({ inflight: 300, queues: [100] });
  });

  it('change nothing of what is told of a wrong file', () => {
    for (const text of [
      '[]',
      'buffer: 7\nreceive: 8\nexport: 9',
      'export: [1, { queue: 2 }]',
      'buffer: { max_bytes: x }',
    ]) {
      const told = (memoryLimitBytes?: number) => loadBoot(text, { file: 'f', env: {}, cwd: '/', memoryLimitBytes });
      expect(told(gibibyte)).toEqual(told());
    }
  });
});

describe('a warning at the start', () => {
  const machine = { limitBytes: 2 * gibibyte, totalBytes: 64 * gibibyte, heapLimitBytes: 409 * mebibyte };

  it('is not given for what follows the limit', () => {
    for (const gibibytes of [0.5, 1, 2, 8, 64]) {
      const limitBytes = gibibytes * gibibyte;
      const config = load(two, limitBytes);
      expect(whyItDoesNotFit(config, { ...machine, limitBytes, heapLimitBytes: limitBytes / 4 })).toBe('');
    }
  });

  it('says what is too large, for what, and what would fit', () => {
    const config = load(`${two}buffer: { max_bytes: 4GiB }`, 2 * gibibyte);
    expect(whyItDoesNotFit(config, machine)).toBe(
      "buffer.max_bytes (4096 MiB), receive.max_inflight_bytes (204 MiB), the largest export queue (307 MiB) and 150 MiB for the process are 4757 MiB, and the container's limit is 2048 MiB: set buffer.max_bytes to 1387 MiB at most",
    );
    const advised = load(`${two}buffer: { max_bytes: 1387MiB }`, 2 * gibibyte);
    expect(whyItDoesNotFit(advised, machine)).toBe('');
  });

  it('counts the window, which is beside the buffer', () => {
    const config = load(`${two}window: { max_bytes: auto }`, 2 * gibibyte);
    expect(config.window.maxBytes).toBe(81 * mebibyte);
    expect(whyItDoesNotFit(config, machine)).toBe('');
    expect(load(`${two}window: { max_bytes: auto }`).window.maxBytes).toBe(64 * mebibyte);
    expect(load(two, 2 * gibibyte).window.maxBytes).toBe(0);
    const large = load(`${two}window: { max_bytes: 2GiB }`, 2 * gibibyte);
    expect(whyItDoesNotFit(large, machine)).toMatch(
      /window\.max_bytes \(2048 MiB\), the largest export queue .* lower all three$/,
    );
  });

  it('goes by the machine where there is no limit, and knows when the buffer alone is not to blame', () => {
    const small = { limitBytes: undefined, totalBytes: 600 * mebibyte, heapLimitBytes: 100 * mebibyte };
    expect(whyItDoesNotFit(load(two), small)).toMatch(/the machine has 600 MiB: raise the limit, or lower all three$/);
  });

  it('tells of a heap that may outgrow the container', () => {
    const config = load(two, 2 * gibibyte);
    expect(whyItDoesNotFit(config, { ...machine, heapLimitBytes: 4 * gibibyte })).toMatch(/--max-old-space-size=409$/);
  });
});
