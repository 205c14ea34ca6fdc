import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { TempoAnswers } from './answer.ts';
import { Appender } from './append.ts';
import { BodyFiles } from './body-files.ts';
import { endsOfRows } from './body-place.ts';
import { Damaged, isDamageAtStart, isDiskFull } from './damage.ts';
import { limitLog, openDatabase } from './database.ts';
import { logRoom, type StoreLimits } from './limits.ts';
import type { WorkerOptions } from './messages.ts';
import { makeDirectory } from './own-files.ts';
import { Retention } from './retain.ts';
import { dropOldestAside, notAFile, setAside, trimAsides } from './set-aside.ts';
import { TraceIds } from './trace-ids.ts';
import { TraceTable } from './trace-table.ts';

/** An open database and those who work with it. */
export interface Opened {
  readonly db: DatabaseSync;
  readonly retention: Retention;
  readonly appender: Appender;
  readonly answers: TempoAnswers;
  close(): void;
}

const fileOf = ({ directory }: WorkerOptions): string => join(directory, 'traces.db');

/**
 * Opens the store. What is damaged is set aside, an empty store takes its place, and `onSetAside` is told in a sentence.
 * Throws where the directory, the permissions or the disk do not let it: that may be better later.
 */
export function openStore(options: WorkerOptions, now: number, onSetAside: (message: string) => void): Opened {
  const file = fileOf(options);
  makeDirectory(options.directory);
  try {
    const odd = notAFile(file);
    if (odd !== '') throw new Damaged(odd);
    return openParts(file, options);
  } catch (error) {
    if (isDiskFull(error) && dropOldestAside(file)) return openStore(options, now, onSetAside);
    if (!isDamageAtStart(error)) throw new Error(`cannot open ${file}: ${(error as Error).message}`, { cause: error });
    return openAnew(options, now, error as Error, onSetAside);
  }
}

/** The same, where an open store turned out to be damaged. */
export function openAnew(
  options: WorkerOptions,
  now: number,
  { message }: Error,
  onSetAside: (message: string) => void,
): Opened {
  const file = fileOf(options);
  const aside = setAside(file, now);
  onSetAside(`${file} cannot be used (${message}): it is now ${aside}, and an empty store has its place`);
  trimStore(options, now);
  return openParts(file, options);
}

/** Lets go what was set aside and is too old, too many or too much. */
export function trimStore(options: WorkerOptions, now: number): void {
  trimAsides(fileOf(options), now, { maxAgeMs: options.retentionMs, maxBytes: options.maxBytes });
}

/** Opens the database in this file, making it where absent. Throws where it cannot be used. */
export function openParts(file: string, limits: StoreLimits): Opened {
  const db = openDatabase(file);
  try {
    limitLog(db, logRoom(limits.maxBytes));
    const bodies = new BodyFiles(file, limits.maxBytes, endsOfRows(db));
    const table = new TraceTable(db);
    const traces = { db, bodies, table, ids: new TraceIds(db, table) };
    const retention = new Retention(traces, limits);
    retention.stats();
    const close = (): void => {
      bodies.close();
      db.close();
    };
    return { db, retention, appender: new Appender(traces, limits), answers: new TempoAnswers(traces), close };
  } catch (error) {
    db.close();
    throw error;
  }
}
