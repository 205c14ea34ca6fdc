import { existsSync, readFileSync } from 'node:fs';

/**
 * A file of requests, each after its length in 4 bytes, as the Collector writes them. The last may still be on its way.
 */
export function readRequestFile(file: string): Uint8Array[] {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const requests: Uint8Array[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    requests.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return requests;
}
