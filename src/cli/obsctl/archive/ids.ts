import { CommandError, exit } from '../../exit.ts';
import type { Io } from '../../io.ts';
import { parseTraceId } from '../trace-id.ts';

/** Of one command. */
const mostIds = 10_000;
/** More than so many ids and a traceparent's words around each. */
const mostStdinBytes = 4 * 2 ** 20;

/** The ids that are named, each once, in their order; `-` stands for those on stdin, one a line. */
export async function idsOf(named: readonly string[], io: Io): Promise<string[]> {
  const ids = new Set<string>();
  for (const text of named) {
    if (text !== '-') ids.add(parseTraceId(text));
    else for (const line of await linesOf(io)) ids.add(parseTraceId(line));
  }
  if (ids.size > mostIds) throw new CommandError(`${ids.size} ids: expected ${mostIds} at most`, exit.usage);
  return [...ids];
}

async function linesOf(io: Io): Promise<string[]> {
  try {
    return await readLines(io.stdin ?? []);
  } catch (error) {
    throw io.signal?.aborted ? new CommandError('interrupted') : error;
  }
}

async function readLines(stdin: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string[]> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    bytes += part.length;
    if (bytes > mostStdinBytes)
      throw new CommandError(`stdin: more than ${mostStdinBytes / 2 ** 20} MiB: expected one id a line`, exit.usage);
    parts.push(part);
  }
  const lines = Buffer.concat(parts).toString().split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}
