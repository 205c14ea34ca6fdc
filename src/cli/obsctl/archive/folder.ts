import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, opendir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../../folders.ts';
import { CommandError } from '../../exit.ts';
import type { Content } from './content.ts';
import type { ArchivePlace, Put } from './place.ts';
import { sameContent } from './same-content.ts';

/** Nobody changes an archive. */
const readOnly = 0o444;

/**
 * An archive in a folder. A file is written under another name (`.NAME.….part`), brought to the disk, and linked to its own: so it is there
 * whole or not at all, whoever else writes at the same time, and whenever the machine stops. A folder's name that is a
 * link is followed; one in it is not.
 */
export class Folder implements ArchivePlace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  address(name: string): string {
    return join(this.name, name);
  }

  async put(name: string, content: Content): Promise<Put> {
    try {
      return await this.#put(name, content);
    } catch (error) {
      throw this.#explained(error, name);
    }
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    try {
      return await readWhole(this.address(name), maxBytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#explained(error, name);
    }
  }

  async *list(prefix: string): AsyncIterable<string> {
    try {
      for await (const { name } of await opendir(this.name)) if (name.startsWith(prefix)) yield name;
    } catch (error) {
      throw this.#explained(error, '');
    }
  }

  async #put(name: string, content: Content): Promise<Put> {
    await makeFolder(this.name, (made) => sync(dirname(made)));
    const path = this.address(name);
    const before = await find(path, content);
    if (before !== undefined) return before;
    const part = this.address(`.${name}.${process.pid}-${randomBytes(4).toString('hex')}.part`);
    try {
      await write(part, content);
      await give(part, path);
    } catch (error) {
      // Somebody else was faster.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return (await find(path, content)) ?? 'other';
      throw error;
    } finally {
      await rm(part, { force: true }).catch(() => {});
    }
    await sync(this.name);
    return 'written';
  }

  #explained(error: unknown, name: string): unknown {
    const { code } = error as NodeJS.ErrnoException;
    const reason = reasons[code ?? ''];
    return reason === undefined ? error : new CommandError(`${this.address(name)}: ${reason}`);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk; what was begun is gone again',
  EDQUOT: 'the disk quota is used up; what was begun is gone again',
  EFBIG: 'larger than a file may be',
  EACCES: 'you may not write or read there',
  EPERM: 'you may not write or read there',
  EROFS: 'the file system is read-only',
  ENOENT: 'there is no such folder or file',
  ENOTDIR: 'not a folder',
  EEXIST: 'not a folder',
  EISDIR: 'a folder, where a file belongs',
  ELOOP: 'a link, where a file belongs',
  ENAMETOOLONG: 'the name is too long',
  EIO: 'the disk failed',
  EMFILE: 'too many open files',
};

/** What has the name already; undefined where nothing has. */
async function find(path: string, content: Content): Promise<'there' | 'other' | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') return 'other';
    throw error;
  }
  try {
    return (await sameContent(file, content)) ? 'there' : 'other';
  } finally {
    await file.close();
  }
}

async function write(path: string, content: Content): Promise<void> {
  const file = await open(path, 'wx', readOnly);
  try {
    for (const piece of content.pieces()) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A file system without links: there a file of the name is replaced by its equal, at worst. */
const linkless = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function give(part: string, path: string): Promise<void> {
  try {
    await link(part, path);
  } catch (error) {
    if (!linkless.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await rename(part, path);
  }
}

/** A name is on the disk when its folder is. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

/** Of a file, and of nothing that never ends. Throws CommandError where there is more of it. */
async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new CommandError(`${path}: not a file`);
    if (stats.size > maxBytes)
      throw new CommandError(`${path}: ${stats.size} bytes, expected at most ${maxBytes / 2 ** 20} MiB`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
