import { statfsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Damaged } from './damage.ts';
import { tightenFiles } from './own-files.ts';

/**
 * Since 2 bodies lie beside the database (body-files.ts), and ids are keys of trace-ids.ts; since 3 bodies are in blocks
 * (body-block.ts); since 4 a block has a row, and traces need none. Older rows stay as they are.
 */
const formatVersion = 4;

/**
 * block: one row a block of bodies, in the order of arrival: where it is, and of each of its traces its id, times, place and
 * `digest`, which is what search reads before it touches any span (directory.ts, digest.ts). `id` is the number of its
 * first trace.
 * trace_row: a row of its own where a trace needs one (trace-table.ts), under its number; `body`, of formats before 4: a
 * reference (body-reference.ts) to the spans that came first, as ResourceSpans messages with the senders' bytes.
 * part: references to those that came later, each time. Concatenated in order they are the whole trace in protobuf.
 * id_hash: which numbers ids may have (id-hashes.ts). tag: attribute keys and values for completion, a bounded number a
 * key.
 */
const blocks = `
CREATE TABLE block (id INTEGER PRIMARY KEY, traces INTEGER NOT NULL, stored_ms INTEGER NOT NULL, newest_ms INTEGER NOT NULL,
  oldest_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, crc INTEGER NOT NULL, directory BLOB NOT NULL) STRICT;
CREATE INDEX block_newest ON block (newest_ms, id, oldest_ms, end_ms);
CREATE TABLE id_hash (bucket INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
INSERT INTO id_hash (bucket, entries) VALUES (-1, randomblob(4));
`;

const schema = `
CREATE TABLE trace_row (id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB) STRICT;
CREATE INDEX trace_start ON trace_row (start_ms, id, end_ms);
CREATE TABLE part (id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX part_trace ON part (trace);
CREATE TABLE tag (scope TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key, type, value)) STRICT, WITHOUT ROWID;
${blocks}
PRAGMA user_version = ${formatVersion};
`;

/** Of a row of format 1 all bodies are in `part`. */
const newColumn = 'ALTER TABLE trace ADD COLUMN body BLOB;';
/** So that a process of an older version that has the store open fails, and gives no trace the number of another. */
const newName = 'ALTER TABLE trace RENAME TO trace_row;';

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
  if (versionOf(db) !== formatVersion) migrate(db);
  db.exec(
    `SELECT max(id), max(digest), max(body) FROM (SELECT * FROM trace_row ORDER BY id DESC LIMIT 1);
    SELECT max(directory) FROM (SELECT * FROM block ORDER BY id DESC LIMIT 1); SELECT max(id) FROM part; SELECT max(key) FROM tag`,
  );
}

const versionOf = (db: DatabaseSync): number => Number(db.prepare('PRAGMA user_version').get()!.user_version);

/** Another process may do so at the same time. */
function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = versionOf(db);
    if (version === 0) db.exec(schema);
    else if (version > 0 && version < formatVersion)
      db.exec(`${version === 1 ? newColumn : ''} ${newName} ${blocks} PRAGMA user_version = ${formatVersion}`);
    else if (version !== formatVersion)
      throw new Damaged(`it has format ${version}, this version reads up to ${formatVersion}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
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
