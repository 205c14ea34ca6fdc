import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Writes each file below `directory` as the Consul key of its path, unless the key is there: whoever changed it meant it. */
export async function seed(consul: string, directory: string): Promise<void> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const key = relative(directory, path);
    const url = `${consul}/v1/kv/${key}?cas=0`;
    const answer = await fetch(url, { method: 'PUT', body: readFileSync(path), signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`consul does not take ${key}: ${answer.status} ${await answer.text()}`);
  }
}
