import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BodyFiles } from '../../src/store/body-files.ts';
import { Cutter } from '../../src/store/cut.ts';
import { TagBook } from '../../src/store/tag-book.ts';
import { keyOf } from '../../src/store/trace-key.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { limits, mebibyte } from './open-parts.ts';

/** As versions before blocks had rows made it. */
const schema = `
CREATE TABLE trace (id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, digest BLOB NOT NULL, body BLOB) STRICT;
CREATE INDEX trace_start ON trace (start_ms, id, end_ms);
CREATE TABLE part (id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX part_trace ON part (trace);
CREATE TABLE tag (scope TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key, type, value)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 3;
`;

/** Writes a store of format 3 with a trace for each of these spans, in this order. */
export function writeFormat3(directory: string, told: readonly Told[], now: number): void {
  const file = join(directory, 'traces.db');
  using db = new DatabaseSync(file);
  db.exec(`PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; ${schema}`);
  const bodies = new BodyFiles(file, limits.maxBytes, () => []);
  const tags = new TagBook(db, mebibyte);
  tags.begin(now);
  const cutter = new Cutter(tags);
  const insert = db.prepare(
    'INSERT INTO trace (id, trace_id, stored_ms, start_ms, end_ms, digest, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  db.exec('BEGIN');
  for (const [i, span] of told.entries())
    for (const { traceId, startMs, endMs, digest, body } of cutter.cut(requestBytes(span))) {
      if (!bodies.hasRoom(body)) bodies.closeBlock();
      insert.run(i + 1, keyOf(i + 1, traceId), now, startMs, endMs, digest, bodies.refer(body));
    }
  bodies.closeBlock();
  db.exec('COMMIT');
  bodies.close();
}
