import { DatabaseSync } from 'node:sqlite';
import { Cutter } from '../../src/store/cut.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { digestBefore } from './digest-before.ts';

/** As versions up to 0.1 made it: bodies in rows, ids as they are. */
const schema = `
CREATE TABLE trace (id INTEGER PRIMARY KEY, trace_id BLOB NOT NULL UNIQUE, stored_ms INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE INDEX trace_start ON trace (start_ms, id, end_ms);
CREATE TABLE part (id INTEGER PRIMARY KEY, trace INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX part_trace ON part (trace);
CREATE TABLE tag (scope TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (scope, key, type, value)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
`;

/** Writes a database of format 1 with a trace for each of these spans, in this order. */
export function writeFormat1(file: string, told: readonly Told[], now: number): void {
  using db = new DatabaseSync(file);
  db.exec(`PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; ${schema}`);
  const noTags = { knows: () => true, note: () => {}, noteText: () => {}, noteKey: () => {} };
  const cutter = new Cutter(noTags);
  const trace = db.prepare(
    'INSERT INTO trace (trace_id, stored_ms, start_ms, end_ms, digest) VALUES (?, ?, ?, ?, ?) RETURNING id',
  );
  const part = db.prepare('INSERT INTO part (trace, body) VALUES (?, ?)');
  for (const span of told)
    for (const cut of cutter.cut(requestBytes(span))) {
      const { traceId, body, startMs, endMs } = cut;
      part.run(Number(trace.get(traceId, now, startMs, endMs, digestBefore(cut))!.id), body);
    }
}
