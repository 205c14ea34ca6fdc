import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { decodeText, type NoText } from './decode-text.ts';

/** A file's text; undefined where there is no such file. */
export type FileText = string | NoText | undefined;

/** Why a file could not be read, for whoever named it; `missing` is what to say where there is none. */
export function unreadable(error: unknown, missing: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return missing;
  return code === 'EISDIR' ? 'this is a directory: expected a file' : message;
}

/** A document that people write is far smaller. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Reads a regular file; what is too large or not UTF-8 is no text. Anything else is refused at once rather than waited
 * for: opening a FIFO, read as it stands, waits for whoever writes to it. Rejects with what is wrong; may never settle
 * where the file system does not answer.
 */
export async function readText(path: string): Promise<FileText> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const about = await file.stat();
    if (!about.isFile()) throw new Error('not a regular file: expected one, or a link to one');
    if (about.size > maxBytes) return { why: `${about.size} bytes: expected at most ${maxBytes}` };
    return decodeText(await file.readFile());
  } finally {
    await file.close();
  }
}
