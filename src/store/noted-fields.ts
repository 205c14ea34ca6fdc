import type { Reader } from '../wire/reader.ts';
import { fieldTerm, hashKey, keySeeds, runOf } from './terms.ts';

/** A field that is no attribute, whose values completion lists. */
export interface NotedField {
  /** As TraceQL names it. */
  readonly key: string;
  readonly hash: number;
}

function noted<K extends string>(key: K): NotedField & { readonly key: K } {
  return { key, hash: hashKey(keySeeds.intrinsic, runOf(key)) };
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

export const termOfText = ({ hash }: NotedField, text: Reader): number => fieldTerm(hash, text);
