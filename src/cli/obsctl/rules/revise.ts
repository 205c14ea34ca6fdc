import type { KvStep } from '../../../config/consul-kv.ts';
import {
  entryText,
  historyKey,
  longestHistory,
  newestKey,
  type PastRevision,
  type Written,
} from '../../../config/rules-history.ts';
import { keyFields } from '../../../config/rules-keys.ts';
import { printable } from '../cells.ts';
import type { RulesStore, Standing } from './store.ts';
import type { Keys } from './validate.ts';

/** What is to be written, and what was there when that was made out. */
export interface Revision {
  readonly standing: Standing;
  readonly past: readonly PastRevision[];
  readonly keys: Keys;
  /** Of the rules that the keys are. */
  readonly hash: string;
  /** Of the rules that are there; empty where they are none. */
  readonly hashBefore: string;
  readonly written: Written;
}

/** Of a long history, so many are forgotten at a time. */
const mostForgotten = 20;

/**
 * A revision as one transaction: every key is written, deleted or left, where it still is what it was; its entry in the
 * history is new, so that of two who write at once one is refused; what was there before and nobody entered is entered
 * with it; what is too old is forgotten.
 */
export function steps(store: RulesStore, { standing, past, keys, hash, hashBefore, written }: Revision): KvStep[] {
  const found = foundThere(standing, past, hashBefore, written);
  const number = (past[0]?.number ?? 0) + 1;
  const entries = [
    ...(found ? [{ ...found, number }] : []),
    { ...written, hash, keys, number: number + (found ? 1 : 0) },
  ];
  const at = (key: number | string) => `${store.history}/${typeof key === 'number' ? historyKey(key) : key}`;
  const forgotten = past.slice(longestHistory - entries.length).slice(-mostForgotten);
  return [
    ...keySteps(store.folder, standing, keys),
    ...entries.map((entry): KvStep => ({ Verb: 'cas', Key: at(entry.number), Index: 0, Value: entryText(entry) })),
    { Verb: 'set', Key: at(newestKey), Value: JSON.stringify(written) },
    ...forgotten.map((entry): KvStep => ({ Verb: 'delete', Key: at(entry.number) })),
  ];
}

/** The keys that are there, where the history does not know them: somebody wrote them without it. */
function foundThere({ keys, index }: Standing, past: readonly PastRevision[], hash: string, { at }: Written) {
  if (Object.keys(keys).length === 0 || (past[0] && sameKeys(keys, past[0].keys))) return undefined;
  return { hash, keys, index, at, by: 'unknown', why: 'found there: written without obsctl' };
}

/** Keys as they stand in Consul, each with its name. */
export const plainText = (keys: Keys): string =>
  Object.entries(keys)
    .map(([key, value]) => `${printable(key)}: ${value.split('\n').map(printable).join('\n')}\n`)
    .join('');

export function sameKeys(a: Keys, b: Keys): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

function keySteps(folder: string, { indexes, keys: now }: Standing, keys: Keys): KvStep[] {
  const names = new Set([...Object.keys(keyFields), ...indexes.keys(), ...Object.keys(keys)]);
  return [...names].map((name): KvStep => {
    const [Key, Index] = [`${folder}/${name}`, indexes.get(name)];
    const isWanted = Object.hasOwn(keys, name);
    if (isWanted && (Index === undefined || keys[name] !== now[name]))
      return { Verb: 'cas', Key, Index: Index ?? 0, Value: keys[name]! };
    if (Index === undefined) return { Verb: 'check-not-exists', Key };
    return { Verb: isWanted ? 'check-index' : 'delete-cas', Key, Index };
  });
}
