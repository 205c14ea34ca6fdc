import { statfsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Damaged } from './damage.ts';
import { tightenFiles } from './own-files.ts';

/**
 * Since 2 bodies lie beside the database (body-files.ts), and ids are keys of trace-ids.ts; since 3 bodies are in blocks
 * (body-block.ts). Older rows stay as they are.
 */
const formatVersion = 3;

/**
 * trace: one row a trace, in the order of arrival; `digest` is what search reads before it touches any span
 * (digest.ts). `body`: a reference (body-reference.ts) to the spans that came first, as ResourceSpans messages with the
 * senders' bytes; part: the same of those that came later, each time. Concatenated in order they are the whole trace in
 * protobuf. tag: attribute keys and values for completion, a bounded
 * number a key.
 */
const schema = `
CREATE TABLE trace (id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB) STRICT;
CREATE INDEX trace_start ON trace (start_ms, id, end_ms);
CREATE TABLE part (id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX part_trace ON part (trace);
CREATE TABLE tag (scope TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key, type, value)) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${formatVersion};
`;

/** Of a row of format 1 all bodies are in `part`. */
const newColumn = 'ALTER TABLE trace ADD COLUMN body BLOB;';

/**
 * Opens the database, making it where absent, but not its directory. WAL with synchronous NORMAL: a crash of the machine may take the last
 * moments, never the consistency (sqlite.org/pragma.html#pragma_synchronous). Throws Damaged for a file of another
 * format, else what SQLite or the system says.
 */
export function openDatabase(file: string): DatabaseSync {
  tightenFiles(file);
  const db = new DatabaseSync(file, { timeout: 5000 });
  try {
    prepare(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: DatabaseSync): void {
  // Pages of 16 KiB, in a new store, hold a part in one: two thirds of what it costs to write in pages of 4.
  db.exec(
    'PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
  );
  db.exec('PRAGMA cache_size = -16384;');
  const version = Number(db.prepare('PRAGMA user_version').get()!.user_version);
  if (version === 0) db.exec(`BEGIN; ${schema} COMMIT`);
  else if (version === 1 || version === 2)
    db.exec(`BEGIN; ${version === 1 ? newColumn : ''} PRAGMA user_version = ${formatVersion}; COMMIT`);
  else if (version !== formatVersion)
    throw new Damaged(`it has format ${version}, this version reads up to ${formatVersion}`);
  db.exec(
    'SELECT max(id), max(digest), max(body) FROM (SELECT * FROM trace ORDER BY id DESC LIMIT 1); SELECT max(id) FROM part; SELECT max(key) FROM tag',
  );
}

/** SQLite's own; of a large store, larger logs would only make checkpoints longer. */
const mostLogPages = 1000;
/** Above what so many pages take, so that the file is written again as it is, and not cut and grown each time. */
const mostLogBytes = 16 * 1024 * 1024;

/** Keeps the write-ahead log to so many bytes: a checkpoint at half of them leaves room for the batch that is on the way. */
export function limitLog(db: DatabaseSync, bytes: number): void {
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()!.page_size);
  const pages = Math.min(mostLogPages, Math.max(1, Math.floor(bytes / 2 / pageBytes)));
  db.exec(`PRAGMA wal_autocheckpoint = ${pages}; PRAGMA journal_size_limit = ${Math.min(bytes, mostLogBytes)}`);
}

/** What SQLite needs beside what is written. */
const roomBytes = 1024 * 1024;

/**
 * Throws where nothing can be written, or not so many bytes: it writes the version that is there once more, for which
 * a full disk may have room.
 */
export function tryWriting(db: DatabaseSync, directory: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize < bytes + roomBytes) throw new Error('database or disk is full');
  db.exec(`PRAGMA user_version = ${formatVersion}`);
}
