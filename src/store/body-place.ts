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

/** The ends of what rows refer to: the newest block, the newest part, or, of formats before 4, the newest trace. */
export function endsOfRows(db: DatabaseSync): () => Place[] {
  const newest = ['trace_row', 'part'].map((table) => db.prepare(`SELECT body FROM ${table} ORDER BY id DESC LIMIT 1`));
  const block = db.prepare('SELECT file, start FROM block ORDER BY id DESC LIMIT 1');
  const endOfReference = (body: Uint8Array | null | undefined): Place[] => {
    if (!body || !isReference(body)) return [];
    const reference = readReference(body);
    return [{ number: reference.number, at: leastEnd(reference) }];
  };
  const endOfBlock = ({ file, start }: Record<string, unknown>): Place => ({
    number: Number(file),
    at: Number(start) + 1,
  });
  return () => {
    const last = block.get();
    const ends = newest.flatMap((statement) => endOfReference(statement.get()?.body as Uint8Array | null | undefined));
    if (last !== undefined) ends.push(endOfBlock(last));
    return ends.filter(({ number }) => number < mostFiles);
  };
}
