import { indexOf, isFiltered } from '../consul/answer.ts';
import type { ConsulClient } from '../consul/client.ts';
import { ConsulConnection, type ConsulResponse, type KvItem, notAList, TooLong } from '../consul/connection.ts';
import type { ConsulAnswer, ReadFolder } from './consul.ts';
import { decodeText, placed } from './decode-text.ts';
import type { KvEntry } from './rules-keys.ts';

interface ReadLimits {
  /**
   * How long an answer may take that need not wait, and that much more for one that does. Without a leader Consul goes on
   * trying for 7 s and more (rpc_hold_timeout) beyond that before it says so.
   */
  readonly graceMs: number;
  /**
   * Of all values together. Of the answer, in which they are base64 with their keys, twice that and a little is read.
   */
  readonly maxBytes: number;
}

/** Consul adds up to a sixteenth to the wait that was asked for, so that clients do not come back all at once. */
const longestWait = (waitMs: number) => (waitMs * 17) / 16;

/** What the package's types leave out: the answer beside the value. */
type Get = (options: Record<string, unknown>) => Promise<[ConsulResponse, KvItem[] | undefined]>;

/** Reads all keys below `folder`. */
export function readFolder(
  client: ConsulClient,
  folder: string,
  { graceMs = 15_000, maxBytes = 256 * 1024 }: Partial<ReadLimits> = {},
): ReadFolder {
  const connection = new ConsulConnection(client, { graceMs, maxBodyBytes: 2 * maxBytes + 65_536 });
  return async (index, waitMs, signal) => {
    const timeout = graceMs + (index > 0n ? longestWait(waitMs) : 0);
    const blocking = index > 0n ? { index: `${index}`, wait: `${waitMs}ms` } : {};
    const answer = await connection.request(timeout, signal, async ({ kv }, options) => {
      const get = kv.get.bind(kv) as unknown as Get;
      const key = `${folder}/`;
      const [response, items] = await get({ key, recurse: true, buffer: true, ...blocking, ...options });
      return toAnswer(response, items, key, maxBytes);
    });
    return answer instanceof TooLong ? tooMuch(answer.response, maxBytes) : answer;
  };
}

/** The package gives undefined for 404, and for whatever body is not a list of something. */
function toAnswer(
  response: ConsulResponse,
  items: KvItem[] | undefined,
  folder: string,
  maxBytes: number,
): ConsulAnswer {
  const index = indexOf(response);
  const whole = items ? items.every(({ Key }) => Key.startsWith(folder)) : response.statusCode === 404;
  if (!whole) throw notAList(response);
  const values = (items ?? []).map(({ Key, Value }) => ({
    key: Key.slice(folder.length),
    bytes: Value ?? Buffer.of(),
  }));
  const answer = { index, entries: [], filtered: isFiltered(response) };
  const bytes = values.reduce((sum, value) => sum + value.bytes.length, 0);
  if (bytes > maxBytes) return { ...answer, unusable: `: ${bytes} bytes of values: expected at most ${maxBytes}` };
  const entries: KvEntry[] = [];
  for (const value of values) {
    const text = decodeText(value.bytes);
    if (typeof text !== 'string') return { ...answer, unusable: placed(`/${value.key}`, text) };
    entries.push({ key: value.key, value: text });
  }
  return { ...answer, entries };
}

/** What is too long is an answer all the same: with its index, the next question waits for a change. */
function tooMuch(response: ConsulResponse, maxBytes: number): ConsulAnswer {
  const unusable = `: far more than the ${maxBytes} bytes that rules may have`;
  return { index: indexOf(response), entries: [], filtered: isFiltered(response), unusable };
}
