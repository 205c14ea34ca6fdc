import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Content } from './content.ts';

/** Whether a file holds just this. */
export async function sameContent(file: FileHandle, { bytes, sha256 }: Content): Promise<boolean> {
  const stats = await file.stat();
  if (!stats.isFile() || stats.size !== bytes) return false;
  const hash = createHash('sha256');
  for await (const piece of file.createReadStream({ autoClose: false, start: 0 })) hash.update(piece as Uint8Array);
  return hash.digest('hex') === sha256;
}
