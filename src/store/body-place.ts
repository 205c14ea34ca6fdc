import type { DatabaseSync } from 'node:sqlite';
import { isReference, leastEnd, readReference } from './body-reference.ts';
import { mostFiles } from './own-files.ts';

/** Where bodies end, in the files of a database. */
export interface Place {
  readonly number: number;
  readonly at: number;
}

export const firstPlace: Place = { number: 1, at: 0 };

const later = (one: Place, other: Place): Place =>
  one.number > other.number || (one.number === other.number && one.at >= other.at) ? one : other;

/**
 * Where the next body belongs: at the end of the last file, but in a later one where `ends`, of what was ever referred
 * to, lie behind it: a crash of the machine took what lay there, or somebody did. So no two rows have the same place,
 * and bodies lie in the order of their rows.
 */
export function nextPlace(file: Place | undefined, ends: readonly Place[]): Place {
  const end = ends.reduce(later, file ?? firstPlace);
  return end === file || end.at === 0 ? end : { number: end.number + 1, at: 0 };
}

/** The ends of what rows refer to: the newest trace has the last body, or the newest part. */
export function endsOfRows(db: DatabaseSync): () => Place[] {
  const newest = ['trace', 'part'].map((table) => db.prepare(`SELECT body FROM ${table} ORDER BY id DESC LIMIT 1`));
  return () =>
    newest.flatMap((statement) => {
      const body = statement.get()?.body as Uint8Array | null | undefined;
      if (!body || !isReference(body)) return [];
      const reference = readReference(body);
      return reference.number < mostFiles ? [{ number: reference.number, at: leastEnd(reference) }] : [];
    });
}
