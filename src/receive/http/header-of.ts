import type { IncomingMessage } from 'node:http';

/** A header's value; of one that was sent more than once, all of them, where node:http would tell the first alone. */
export function headerOf({ headers, rawHeaders }: IncomingMessage, name: string): string | undefined {
  if (headers[name] === undefined) return undefined;
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1].toLowerCase() === name).join(', ');
}
