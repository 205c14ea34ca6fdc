import { gunzipSync, gzipSync } from 'node:zlib';
import * as v from 'valibot';
import type { KvValue } from './consul-kv.ts';

/** Who made a revision, when (ISO 8601) and why. */
export interface Written {
  readonly by: string;
  readonly at: string;
  readonly why: string;
}

/** A revision as the history has it. */
export interface PastRevision extends Written {
  /** Counts revisions of this folder. */
  readonly number: number;
  /** Consul's index of the change; with the hash it names the revision, as the gateways do. */
  readonly index: number;
  /** 64 hex digits; see hashOf. Empty where the keys were no rules. */
  readonly hash: string;
  /** All keys of the folder. */
  readonly keys: Readonly<Record<string, string>>;
}

/** So many are kept. */
export const longestHistory = 100;

/** Beside the folder of the rules, in which every key is a rule. */
export const historyFolder = (prefix: string, environment: string): string => `${prefix}-history/${environment}`;

/** In the folder of the history: who wrote what is there now, small, for the gateways to read. */
export const newestKey = 'newest';

/** Keys sort by age. */
export const historyKey = (number: number): string => String(number).padStart(10, '0');

/** Of who and of why. */
export const maxWords = { by: 200, why: 1000 } as const;

const written = {
  by: v.pipe(v.string(), v.maxLength(maxWords.by)),
  at: v.pipe(v.string(), v.isoTimestamp()),
  why: v.pipe(v.string(), v.maxLength(maxWords.why)),
};
const newest = v.object(written);
const keys = v.record(v.string(), v.string());
const past = v.object({
  ...written,
  hash: v.pipe(v.string(), v.regex(/^([0-9a-f]{64})?$/)),
  keys: v.optional(keys),
  /** The same where they are long: JSON, gzip, base64. */
  packed_keys: v.optional(v.string()),
  // Of a change that was made without a history; otherwise the entry was written with it.
  index: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

/** Longer keys are packed: one transaction takes 512 KiB in base64, the keys themselves included. */
const longestPlain = 32_768;
const maxUnpackedBytes = 16 * 2 ** 20;

/** The text of an entry; without `index` it is that of its own writing. */
export function entryText({
  number: _,
  index,
  keys,
  ...entry
}: Omit<PastRevision, 'index'> & { index?: number }): string {
  const plain = JSON.stringify(keys);
  const held = plain.length <= longestPlain ? { keys } : { packed_keys: gzipSync(plain).toString('base64') };
  return JSON.stringify({ ...entry, ...(index !== undefined && { index }), ...held });
}

function keysOf({ keys: plain, packed_keys: packed }: v.InferOutput<typeof past>): PastRevision['keys'] | undefined {
  if (packed === undefined) return plain;
  try {
    const text = gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: maxUnpackedBytes }).toString();
    return parsed(keys, text);
  } catch {
    return undefined;
  }
}

/** The newest first. Whatever else lies in the folder is told. */
export function readHistory(values: readonly KvValue[]): { revisions: PastRevision[]; strange: string[] } {
  const revisions: PastRevision[] = [];
  const strange: string[] = [];
  for (const { key, value, modifyIndex } of values) {
    if (key === newestKey || key === '') continue;
    const entry = /^\d{10}$/.test(key) ? parsed(past, value) : undefined;
    const kept = entry && keysOf(entry);
    if (!entry || !kept) strange.push(key);
    else {
      const { by, at, why, hash, index = modifyIndex } = entry;
      revisions.push({ by, at, why, hash, index, number: Number(key), keys: kept });
    }
  }
  return { revisions: revisions.sort((a, b) => b.number - a.number), strange };
}

/** Who wrote the change of this index, where the newest entry is of that. */
export function readNewest(value: KvValue | undefined, index: number): Written | undefined {
  return value?.modifyIndex === index ? parsed(newest, value.value) : undefined;
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, text: string): T | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
