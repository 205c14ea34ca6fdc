import { readFileSync } from 'node:fs';

/** What is as large as this is how a kernel writes "none". */
const unlimitedBytes = 2 ** 60;

type ReadText = (path: string) => string | undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Bytes that this process may use by its cgroup, version 1 or 2: the least limit of the group and of those that it lies
 * in, for each holds for all below it (Node's `constrainedMemory` asks the innermost alone). Undefined where none has one.
 * Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. `read` gives a file's text.
 */
export function memoryLimit(read: ReadText = readText): number | undefined {
  return least('memory', read, (folder, version) => {
    const text = read(`${folder}/${version === 2 ? 'memory.max' : 'memory.limit_in_bytes'}`)?.trim() ?? '';
    const bytes = Number(text);
    return /^\d+$/.test(text) && bytes < unlimitedBytes ? bytes : undefined;
  });
}

/**
 * Cores whose time this process may use by its cgroup, such as 1.5, the least of the groups as above; undefined where
 * none has a limit. Source: cpu.max of cgroup-v2.rst, and Documentation/scheduler/sched-bwc.rst for version 1.
 */
export function coreLimit(read: ReadText = readText): number | undefined {
  return least('cpu', read, (folder, version) => {
    const told =
      version === 2
        ? read(`${folder}/cpu.max`)
        : `${read(`${folder}/cpu.cfs_quota_us`)} ${read(`${folder}/cpu.cfs_period_us`)}`;
    const [, quota, period] = /^([1-9]\d*)\s+([1-9]\d*)\s*$/.exec(told ?? '') ?? [];
    return quota === undefined ? undefined : Number(quota) / Number(period);
  });
}

/** The whole cores of a limit, at least one: what is left over is for the threads beside the shards. */
export function wholeCores(machineCores: number, limit = coreLimit()): number {
  return limit === undefined ? machineCores : Math.max(1, Math.min(machineCores, Math.floor(limit)));
}

/** The least of what the groups of a controller say, from the process's own up to the mount. */
function least(
  controller: string,
  read: ReadText,
  limitOf: (folder: string, version: 1 | 2) => number | undefined,
): number | undefined {
  const limits = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) return [];
    if (controllers === '') return foldersUp('/sys/fs/cgroup', path).map((folder) => limitOf(folder, 2));
    if (!controllers.split(',').includes(controller)) return [];
    return foldersUp(`/sys/fs/cgroup/${controller}`, path).map((folder) => limitOf(folder, 1));
  });
  const found = limits.filter((limit) => limit !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** A container often sees its own group at the mount, and a path that is the host's. */
function foldersUp(mount: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return [...names.keys(), names.length].map((depth) => [mount, ...names.slice(0, depth)].join('/'));
}
