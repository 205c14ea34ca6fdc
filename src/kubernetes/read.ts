import type { IncomingMessage } from 'node:http';

/** A list's page as JSON. Throws where it is longer than it may be. */
export async function readJson(answer: IncomingMessage, maxBytes: number): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

/** A watch's events, a line each. Throws at a line that is longer than it may be, or no JSON. */
export async function* readLines(answer: IncomingMessage, maxBytes: number): AsyncGenerator<unknown> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...parts, chunk.subarray(from, end)]).toString('utf8');
      parts = [];
      bytes = 0;
      from = end + 1;
      if (line.trim() !== '') yield JSON.parse(line);
    }
    bytes += chunk.length - from;
    if (bytes > maxBytes) throw new Error(`an event of more than ${maxBytes} bytes`);
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
}
