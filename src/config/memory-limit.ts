import { readFileSync } from 'node:fs';

/** What is as large as this is how a kernel writes "none". */
const unlimitedBytes = 2 ** 60;

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
export function memoryLimit(read = readText): number | undefined {
  const limits = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined) return [];
    if (controllers === '') return limitsOn('/sys/fs/cgroup', path, 'memory.max', read);
    if (!controllers.split(',').includes('memory')) return [];
    return limitsOn('/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes', read);
  });
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** From the group up to the mount; a container often sees its own group there, and a path that is the host's. */
function limitsOn(mount: string, path: string, file: string, read: (path: string) => string | undefined): number[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return [...names.keys(), names.length].flatMap((depth) => {
    const text = read([mount, ...names.slice(0, depth), file].join('/'))?.trim();
    const bytes = Number(text);
    return text === undefined || !/^\d+$/.test(text) || bytes >= unlimitedBytes ? [] : [bytes];
  });
}
