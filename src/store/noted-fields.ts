import type { Reader } from '../wire/reader.ts';
import { hashKey, keySeeds, textTerm } from './terms.ts';

/** A field that is no attribute, whose values completion lists. */
export interface NotedField {
  /** As TraceQL names it. */
  readonly key: string;
  readonly hash: number;
}

const utf8 = new TextEncoder();

function noted<K extends string>(key: K): NotedField & { readonly key: K } {
  const bytes = utf8.encode(key);
  return { key, hash: hashKey(keySeeds.intrinsic, bytes, 0, bytes.length) };
}

/** What spans, their events, scopes and traces say of themselves in texts; one that is not there is an empty text. */
export const notedFields = {
  name: noted('name'),
  statusMessage: noted('statusMessage'),
  rootName: noted('rootName'),
  rootServiceName: noted('rootServiceName'),
  eventName: noted('event:name'),
  scopeName: noted('instrumentation:name'),
  scopeVersion: noted('instrumentation:version'),
};

const keys: ReadonlySet<string> = new Set(Object.values(notedFields).map(({ key }) => key));

/** Whether the values of this intrinsic are noted. */
export const isNoted = (key: string): boolean => keys.has(key);

export const termOfText = ({ hash }: NotedField, { buf, pos, end }: Reader): number => textTerm(hash, buf, pos, end);
