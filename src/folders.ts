import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it that are not there; `made` is called for each, the uppermost first. Node's own way
 * asks without end where a file system takes no folders, and says that there is none, as /proc does. Rejects with what
 * the system says.
 */
export async function makeFolder(path: string, made = async (_folder: string): Promise<void> => {}): Promise<void> {
  const folder = resolve(path);
  if (await isFolder(folder)) return;
  await makeFolder(dirname(folder), made);
  try {
    await mkdir(folder);
  } catch (error) {
    // Somebody else made it meanwhile, or something else has its name.
    if (await isFolder(folder)) return;
    throw error;
  }
  await made(folder);
}

/** Throws where something above it is no folder. */
async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return stats?.isDirectory() ?? false;
}
